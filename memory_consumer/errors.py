"""What can go wrong while learning, by what the caller may do.

LearningError
├── Transient       the same call may work later: hold the offsets, wait, try again
│   └── Fenced      another owner took the partition: drop what is in hand, keep nothing
├── Invalid         the record will not get better: set it aside as a dead letter
└── Refused         the set-up could lose data: do not start, say what to do
"""


class LearningError(Exception):
    """Learning could not go on."""


class Transient(LearningError):
    """A part that learning needs is away; the offsets are held until it is back."""


class Fenced(Transient):
    """This process no longer owns the partition."""


class Invalid(LearningError):
    """A record cannot be read. The message names the cause and never quotes the text."""


class Refused(LearningError):
    """The set-up could lose data, so nothing was started."""
