"""What can go wrong while learning, by what the caller may do.

LearningError
├── Transient       the same call may work later: hold the offsets, wait, try again
│   ├── Busy        a server asks to wait, and says how long
│   └── Fenced      another owner took the partition: drop what is in hand, keep nothing
├── Invalid         the record will not get better: set it aside as a dead letter
├── Unforeseen      a record fails and nobody thought of why: try it a few times, then set it aside
├── TooMany         so many records were set aside that it is not them: stop until somebody looks
└── Refused         the set-up could lose data: do not start, say what to do
    ├── LostRecords Kafka may have thrown records away: not before the next start, so that somebody hears of it
    ├── LostRows    MySQL is not the one that the logs were written from: erase nothing
    └── LearnedOtherwise  the facts were learned by another extractor than the one that is set
"""

from datetime import timedelta


class LearningError(Exception):
    """Learning could not go on."""


class Transient(LearningError):
    """A part that learning needs is away; the offsets are held until it is back."""


class Busy(Transient):
    """A server asks to be left alone for a while."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        #: How long it wants to be left alone.
        self.after = after


class Fenced(Transient):
    """This process no longer owns the partition."""


class Invalid(LearningError):
    """A record cannot be read. The message names the cause and never quotes the text."""


class Unforeseen(LearningError):
    """A record failed in a way that was not foreseen. The message names the error and never quotes it."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"a record that failed in a way that was not foreseen: {cause}")


class TooMany(LearningError):
    """Too many records were set aside; the offsets are held until the program is started again."""


class Refused(LearningError):
    """The set-up could lose data, so nothing was started."""


class LostRecords(Refused):
    """Kafka may have thrown records away. That is ended, and the next start accepts it."""


class LostRows(Refused):
    """MySQL has lost rows, so what it does not know cannot be taken for deleted."""


class LearnedOtherwise(Refused):
    """The facts were learned by another extractor than the one that is set."""
