"""What a command tells its user when it cannot go on.

CommandError  a plain sentence: what is wrong and what to do
├── Away      no oboegaki runs here
├── PartAway  it runs, but a part behind it is away for now
└── NotThere  there is nothing by that name
"""


class CommandError(Exception):
    """The command cannot go on."""


class Away(CommandError):
    """No oboegaki runs here."""


class NotThere(CommandError):
    """What was asked for is not there."""


class PartAway(CommandError):
    """A part that the call needs is away; the same call may work later."""
