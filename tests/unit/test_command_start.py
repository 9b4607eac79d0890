"""How much a command loads before it does anything."""

import subprocess
import sys

#: Each takes a good part of a second: for who serves, who learns with a model, or who has a server.
_HEAVY = ("fastapi", "faststream", "mem0", "openai", "qdrant_client")


def test_no_command_waits_for_what_only_serving_needs() -> None:
    loaded = "import sys, oboegaki.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert [name for name in _HEAVY if name in done.stdout.split()] == []
