"""What is used of Mem0, imported only when it is wanted, and quietly."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any


@dataclass(frozen=True, slots=True)
class Mem0Parts:
    """Mem0's public classes and functions that extraction is made of."""

    llms: Any
    system_prompt: str
    user_prompt: Callable[..., str]
    cleaned: Callable[[str], str]


def load() -> Mem0Parts:
    """Imports Mem0 without telemetry. It takes a second or two, so it is not done where Mem0 is not used."""
    with _quiet():
        from mem0.configs.prompts import (  # noqa: PLC0415  as said above
            ADDITIVE_EXTRACTION_PROMPT,
            generate_additive_extraction_prompt,
        )
        from mem0.memory.utils import remove_code_blocks  # noqa: PLC0415
        from mem0.utils.factory import LlmFactory  # noqa: PLC0415
    return Mem0Parts(
        llms=LlmFactory,
        system_prompt=ADDITIVE_EXTRACTION_PROMPT,
        user_prompt=generate_additive_extraction_prompt,
        cleaned=remove_code_blocks,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    # Mem0 reads both when it is imported, and writes an id for its telemetry into the folder at once.
    os.environ["MEM0_TELEMETRY"] = "False"
    before = os.environ.get("MEM0_DIR")
    with TemporaryDirectory(prefix="oboegaki-") as folder:
        os.environ["MEM0_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["MEM0_DIR"]
            if before is not None:
                os.environ["MEM0_DIR"] = before
