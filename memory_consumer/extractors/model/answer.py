"""What a language model answered, read into drafts of facts. Pure.

Repaired is what cannot change the meaning: fences, thinking before the answer, prose around it, wrappings of tool
calls, older schemas. Anything else is an error: an answer that was cut off, refused or garbled is never taken for
"nothing to remember", which only an empty list says.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from memory_consumer.errors import Invalid

_LIST_NAMES = ("memory", "memories", "facts")
_TEXT_NAMES = ("text", "memory", "fact", "content")
_WRAPPINGS = ("arguments", "parameters", "input", "function", "tool_calls")
_MOST_WRAPPINGS = 4

_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_UNFINISHED_THOUGHT = re.compile(r"\s*<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_OPENING = re.compile(r"[{\[]")
_NAMED = re.compile(r'"(?:memory|memories|facts)"\s*:\s*\Z')
_NUMBERS = re.compile(r"[][(){}#,;\s]*\d{1,6}(?:[][(){}#,;\s]+\d{1,6})*[][(){}#,;\s]*")
_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as its server tells about it."""

    content: str | None
    finish_reason: str | None = None
    refusal: str | None = None
    reasoned: bool = False
    #: The arguments of each tool call, as JSON.
    tool_calls: tuple[str, ...] = ()
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact as the model put it; `sources` and `supersedes` are the numbers of the prompt, unchecked."""

    text: str
    sources: tuple[int, ...] = ()
    supersedes: tuple[int, ...] = ()
    about_assistant: bool = False


def drafts(answer: Answer, cleaned: Callable[[str], str]) -> tuple[Draft, ...]:
    """The facts of an answer, in order. Raises Invalid where it cannot be used; never quotes it.

    `cleaned` takes code fences and thinking blocks off, as Mem0 does.
    """
    _refuse_unfinished(answer)
    if answer.tool_calls:
        return tuple(draft for call in answer.tool_calls for draft in _read(call, cleaned))
    if answer.content is None or not answer.content.strip():
        thought = " after it had thought" if answer.reasoned else ""
        raise Invalid(f"The language model answered with nothing{thought}.")
    return _read(answer.content, cleaned)


def _refuse_unfinished(answer: Answer) -> None:
    if answer.refusal:
        raise Invalid("The language model refused to answer.")
    if answer.finish_reason == "length":
        raise Invalid(
            "The language model's answer was cut off: it is too long for OBOEGAKI_EXTRACT_ANSWER_TOKENS, or for"
            " the model's context."
        )
    if answer.finish_reason == "content_filter":
        raise Invalid("The language model's server withheld its answer (content filter).")


def _read(content: str, cleaned: Callable[[str], str]) -> tuple[Draft, ...]:
    items = _items(_whole(content))
    if items is None:
        # Twice: Mem0 takes off a fence only where no thinking stands before it.
        items = _only(_without_thought(cleaned(cleaned(content))))
    return tuple(draft for item in items for draft in _draft(item))


def _whole(content: str) -> Any:  # noqa: ANN401  JSON
    try:
        return json.loads(content, strict=False)
    except (ValueError, RecursionError):
        return None


def _without_thought(content: str) -> str:
    rest = _THOUGHT.sub("", content)
    if _UNFINISHED_THOUGHT.match(rest):
        raise Invalid("The language model did not come to the end of its thoughts.")
    # Some servers leave out the opening mark: the template of the model has written it already.
    return _END_OF_THOUGHT.split(rest)[-1]


def _only(text: str) -> list[Any]:
    """The one answer in a text. Raises Invalid for none, and for several that differ."""
    items = _items(_whole(text))
    if items is not None:
        return items
    found = [items for value in _values(text) if (items := _list_of(value)) is not None]
    if not found:
        raise Invalid(
            "The language model's answer holds no list of memories that can be read (prose or broken JSON)."
        )
    if any(each != found[0] for each in found):
        raise Invalid("The language model gave several answers that differ.")
    return found[0]


def _values(text: str) -> Iterator[Any]:
    """Every JSON value in a text that may be an answer: whole, and no part of one that was cut off."""
    decoder = json.JSONDecoder(strict=False)
    position, is_inside = 0, False
    while found := _OPENING.search(text, position):
        start = found.start()
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = found.end()
            is_inside = is_inside or found[0] == "{"
            continue
        # Of a broken object its list of memories is whole where only what follows it is missing.
        if isinstance(value, dict) or not is_inside or _NAMED.search(text, 0, start):
            yield value


def _items(value: Any) -> list[Any] | None:  # noqa: ANN401  JSON
    """The list of memories that a whole answer is; None if it is none."""
    if isinstance(value, list) and all(isinstance(item, str | dict) for item in value):
        return value
    if isinstance(value, dict) and "text" in value:
        return [value]
    return _list_of(value)


def _list_of(value: Any) -> list[Any] | None:  # noqa: ANN401  JSON
    """The same where it can be told from other JSON: a part of an answer that was cut off is no answer."""
    value = _unwrapped(value)
    if isinstance(value, dict):
        named = [value[name] for name in _LIST_NAMES if name in value]
        return named[0] if len(named) == 1 and isinstance(named[0], list) else None
    if isinstance(value, list) and value and all(isinstance(item, dict) and "text" in item for item in value):
        return value
    return None


def _unwrapped(value: Any) -> Any:  # noqa: ANN401  JSON
    for _ in range(_MOST_WRAPPINGS):
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "text" not in value[0]:
            value = value[0]
        inner = [value[name] for name in _WRAPPINGS if name in value] if isinstance(value, dict) else []
        if len(inner) != 1:
            return value
        value = _whole(inner[0]) if isinstance(inner[0], str) else inner[0]
    return value


def _draft(item: Any) -> Iterator[Draft]:  # noqa: ANN401  JSON
    if isinstance(item, str):
        item = {"text": item}
    text = _text(item)
    if text:
        yield Draft(
            text=text,
            sources=_numbers(item.get("sources")),
            supersedes=_numbers(item.get("supersedes")),
            about_assistant=item.get("attributed_to") == "assistant",
        )


def _text(item: Any) -> str:  # noqa: ANN401  JSON
    texts = [item[name] for name in _TEXT_NAMES if name in item] if isinstance(item, dict) else []
    if not texts or not isinstance(texts[0], str):
        raise Invalid("The language model's answer has a memory without a text.")
    return texts[0].strip()


def _numbers(value: Any) -> tuple[int, ...]:  # noqa: ANN401  JSON
    """Numbers however they are written: 1, "1", "[1]", "1, 2"; without doubles, and none out of ids or texts."""
    each = [str(one) for one in (value if isinstance(value, list) else [value])]
    found = (number for one in each if _NUMBERS.fullmatch(one) for number in _NUMBER.findall(one))
    return tuple(dict.fromkeys(int(number) for number in found))
