"""How long a model's prompt is for windows of ten messages: `python -m benchmarks.prompt_sizes [FILE ...]`.

Without the memories that are shown in real use, and with ten.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from memory_consumer.asking.tokens import estimated
from memory_consumer.asking.windows import Known, Turn, Window
from memory_consumer.extractors import mem0
from memory_consumer.extractors.model import mem0_parts, prompt

DATA = Path(__file__).parents[1] / "../shared/data"
_MESSAGES = 10
_BEFORE = 4


def windows(turns: list[Turn], known: tuple[Known, ...]) -> Iterator[Window]:
    """A conversation in windows, each with the turns before it."""
    for at in range(0, len(turns) - _MESSAGES + 1, _MESSAGES):
        yield Window("u", tuple(turns[at : at + _MESSAGES]), tuple(turns[max(0, at - _BEFORE) : at]), known)


def turns_of(told: dict[str, list[dict[str, str]]]) -> list[Turn]:
    """The messages of a file."""
    return [
        Turn(
            at, each["conversation_id"], each["role"], each["content"], datetime.fromisoformat(each["created_at"])
        )
        for at, each in enumerate(told["messages"])
    ]


def main() -> None:
    """Prints a line for each file, prompt and number of memories."""
    prompts: dict[str, prompt.Prompting] = {"compact": prompt.compact, "mem0": mem0.mem0s(mem0_parts.load())}
    for path in [Path(name) for name in sys.argv[1:]] or sorted(DATA.glob("*.json")):
        turns = turns_of(json.loads(path.read_text(encoding="utf-8")))
        said = [turn for turn in turns if turn.role == "user"][:_MESSAGES]
        for name, prompting in prompts.items():
            for memories in ((), tuple(Known(str(turn.message_id), turn.text, turn.said_at) for turn in said)):
                asked = [prompting(window) for window in windows(turns, memories)]
                tokens = [estimated(each.system + each.user) for each in asked]
                print(
                    f"{path.stem}, {name}, {len(memories)} memories: {len(asked)} windows,"
                    f" characters median {statistics.median(each.characters for each in asked):.0f}"
                    f" most {max(each.characters for each in asked)},"
                    f" tokens (estimated) median {statistics.median(tokens):.0f} most {max(tokens)}"
                )


if __name__ == "__main__":
    main()
