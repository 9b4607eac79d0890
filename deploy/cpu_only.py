"""Divides requirements for the image without a GPU: torch by its version alone, and all that is no GPU's.

    python3 deploy/cpu_only.py torch|others REQUIREMENTS

torch's builds for the CPU come from an index of its own and have other hashes; the libraries of GPUs are left out.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_GPU = re.compile(r"nvidia-|cuda-|triton\b")


def torch(requirements: str) -> str:
    """The line that asks for torch, without hashes."""
    return "".join(f"{_pin(block)}\n" for block in _blocks(requirements) if _name(block) == "torch")


def others(requirements: str) -> str:
    """Everything else but what only GPUs need, with its hashes."""
    return "".join(b for b in _blocks(requirements) if _name(b) != "torch" and not _GPU.match(_name(b)))


def _blocks(requirements: str) -> Iterator[str]:
    # A requirement begins at the margin; its hashes are indented.
    return (block for block in re.split(r"^(?=\S)", requirements, flags=re.MULTILINE) if block)


def _name(block: str) -> str:
    return re.split(r"[=\[ ]", block, maxsplit=1)[0]


def _pin(block: str) -> str:
    return block.splitlines()[0].rstrip("\\ ")


if __name__ == "__main__":
    divide = {"torch": torch, "others": others}[sys.argv[1]]
    sys.stdout.write(divide(Path(sys.argv[2]).read_text(encoding="utf-8")))
