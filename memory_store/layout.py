"""What a version was built with, checked before its vectors are used."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from memory_store.errors import WrongLayout
from memory_store.models import Layout
from memory_store.port import Embedder


def layout_of(embedder: Embedder) -> Layout:
    """The layout that this program builds with an embedder."""
    return Layout(embedder=embedder.name, dim=embedder.dim)


def described(layout: Layout) -> dict[str, Any]:
    """A layout as it is stored beside a version."""
    return asdict(layout)


def check(name: str, stored: Mapping[str, Any] | None, wanted: Layout) -> None:
    """Raises WrongLayout with what to do."""
    found = dict(stored or {})
    if found != described(wanted):
        raise WrongLayout(
            f"Version {name} of the memories was built with {_words(found)}, but the program and its settings say "
            f"{_words(described(wanted))}. To build them anew from what was learned, stop oboegaki, run"
            " `oboegaki rebuild`, and start it again; nothing else changes. Or set that embedder again."
        )


def _words(layout: Mapping[str, Any]) -> str:
    if not layout:
        return "an unknown layout"
    return f"embedder {layout.get('embedder')} ({layout.get('dim')} numbers, layout {layout.get('number')})"
