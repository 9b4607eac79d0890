"""What a command tells its user when it cannot go on.

CommandError  a plain sentence: what is wrong and what to do
└── Away      no oboegaki runs here
"""


class CommandError(Exception):
    """The command cannot go on."""


class Away(CommandError):
    """No oboegaki runs here."""
