"""What a command tells its user when it cannot go on.

CommandError  a plain sentence: what is wrong and what to do
├── Away      no oboegaki runs here
├── PartAway  it runs, but a part behind it is away for now
└── NotThere  there is nothing by that name
"""

from chat_api.errors import ChatError
from connectors.errors import ConnectorError
from devstack.errors import StackError
from memory_consumer.errors import LearningError
from memory_store.errors import StoreError


class CommandError(Exception):
    """The command cannot go on."""


class Away(CommandError):
    """No oboegaki runs here."""


class NotThere(CommandError):
    """What was asked for is not there."""


class Taken(CommandError):
    """Something else has that name already."""


class Unfit(CommandError):
    """What was sent cannot be taken as it is."""


class PartAway(CommandError):
    """A part that the call needs is away; the same call may work later."""


#: Whatever a command may end with that was foreseen: its text is a sentence for the user.
REFUSALS = (CommandError, StackError, ChatError, LearningError, StoreError, ConnectorError)
