"""What a command tells its user when it cannot go on."""


class CommandError(Exception):
    """A plain sentence: what is wrong and what to do."""
