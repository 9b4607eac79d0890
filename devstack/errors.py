"""What can go wrong with the stack, by what the caller may do.

StackError
├── Refused      nothing was started: the message says what to change first
│   ├── Missing  a program is not there: the message says how to get it
│   └── Taken    a port is in use: the message names its setting
└── Failed       a part died or did not answer in time: the message ends with its last log lines
"""


class StackError(Exception):
    """The stack cannot go on."""


class Refused(StackError):
    """Something has to be changed before the stack can start."""


class Missing(Refused):
    """A program that the stack needs is not there."""


class Taken(Refused):
    """A port of the stack is in use by something else."""


class Failed(StackError):
    """A part of the stack died or did not answer in time."""
