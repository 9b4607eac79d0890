"""What can go wrong on the chat path, by what the caller may do.

ChatError
├── Invalid      the request cannot be carried out as it is: change it
├── Unauthorized no key was sent that is one
├── Forbidden    the key is not for that user or that call
├── NotFound     there is no such thing for this user
├── Conflict     something else has that name already
├── Gone         what it was for was deleted meanwhile: nothing was kept
├── Busy         the same is under way: ask again in a moment
├── TooMany      the caller has too much under way: let some of it end
├── Unavailable  a part is away: the same request may work later
│   └── Overloaded  nothing is away, but too much is asked at once
├── NoReply      the language model gave no answer; what was said is kept
├── Faulty       the database refused a statement of ours: a bug, or a set-up that is not finished
└── Refused      what is set cannot work, or could lose rows to learning: the message says what to do
"""


class ChatError(Exception):
    """The request was not carried out. The message is for the caller and never quotes what was said."""


class Invalid(ChatError):
    """The request cannot be carried out as it is."""


class Unauthorized(ChatError):
    """No key was sent, or one that is none, that was revoked or that has expired."""


class Forbidden(ChatError):
    """The key is not for that user or that call."""


class NotFound(ChatError):
    """There is no such thing for this user."""


class Conflict(ChatError):
    """Something else has that name already."""


class Gone(ChatError):
    """What it was for was deleted meanwhile; nothing was kept."""


class Busy(ChatError):
    """The same is under way: ask again in a moment."""


class TooMany(ChatError):
    """The caller has too much under way; the same request works once some of it has ended."""


class Unavailable(ChatError):
    """A part is away; the same request may work later."""


class Overloaded(Unavailable):
    """Nothing is away, but too much is asked at once; the same request may work in a moment."""


class NoReply(ChatError):
    """The language model gave no answer; what was said is kept."""


class Faulty(ChatError):
    """The database refused a statement: a bug, or a set-up that is not finished."""


class Refused(ChatError):
    """What is set cannot work, or could lose rows to learning."""
