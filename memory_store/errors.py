"""What can go wrong with the memories, by what the caller may do.

StoreError
├── Unavailable          the store is away: the same call may work later
└── Refused              it will not get better by itself: the message says what to do
    ├── OwnedElsewhere   another process owns the embedded store
    ├── NoLiveVersion    no version is active yet
    └── WrongLayout      the version was built with another embedder, dimension or layout
"""


class StoreError(Exception):
    """The memories could not be used."""


class Unavailable(StoreError):
    """The store cannot be reached now; try again later."""


class Refused(StoreError):
    """The store will not do this, now or later."""


class OwnedElsewhere(Refused):
    """Another process owns the embedded store."""


class NoLiveVersion(Refused):
    """No version of the store is active."""


class WrongLayout(Refused):
    """A version was built with another embedder, dimension or layout."""
