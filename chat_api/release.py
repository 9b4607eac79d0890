"""Which release of oboegaki this is."""

import importlib.metadata
from functools import cache


@cache
def release() -> str:
    """As the installed package says; read once, since health is asked every few seconds."""
    return importlib.metadata.version("oboegaki")
