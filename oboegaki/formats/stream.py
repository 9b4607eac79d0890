"""JSON read value by value, so that a file of many conversations is never in memory as a whole."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

_CHUNK = 1 << 20
#: Characters of the largest value, a conversation: a file that is broken is not read to its end as one.
_LARGEST = 1 << 28
_IN_NUMBERS = "0123456789.eE+-"
_BLANK = " \t\r\n"
_DECODER = json.JSONDecoder()


class Unreadable(ValueError):
    """What stands at a place is no JSON."""


class JsonReader:
    """Reads a text from its beginning. Holds no more of it than the largest value that it was asked for."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._lines = 1

    @property
    def line(self) -> int:
        """The line that it has come to, from 1."""
        return self._lines + self._text.count("\n", 0, self._at)

    @property
    def held(self) -> int:
        """Characters of the text that are in memory."""
        return len(self._text)

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, mark: str) -> bool:
        """Passes over a mark if it comes next."""
        found = self.peek() == mark
        self._at += found
        return found

    def value(self) -> Any:  # noqa: ANN401  whatever JSON holds
        """The next value. Raises Unreadable."""
        self.peek()
        chunk = _CHUNK
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError as exc:
                raise Unreadable(f"line {self.line} is nested too deeply") from exc
            except ValueError as exc:
                # More and more at a time: a large value is not tried anew for each piece of it.
                if len(self._text) - self._at < _LARGEST and self._more(chunk):
                    chunk *= 2
                    continue
                raise Unreadable(f"line {self.line} is not JSON") from exc
            if not self._may_go_on(found, end) or not self._more():
                self._at = end
                return found

    def elements(self) -> Iterator[Any]:
        """The values of the array that begins here. Raises Unreadable."""
        self._expect("[")
        while not self.take("]"):
            yield self.value()
            if self.peek() != "]":
                self._expect(",")

    def keys(self) -> Iterator[str]:
        """The keys of the object that begins here, each to be followed by reading its value. Raises Unreadable."""
        self._expect("{")
        while not self.take("}"):
            key = self.value()
            self._expect(":")
            yield str(key)
            if self.peek() != "}":
                self._expect(",")

    def _may_go_on(self, found: object, end: int) -> bool:
        """Whether it is a number of which perhaps not all was read."""
        return isinstance(found, (int, float)) and self._text[end : end + 1] in _IN_NUMBERS

    def _expect(self, mark: str) -> None:
        if not self.take(mark):
            raise Unreadable(f"line {self.line} is not JSON")

    def _more(self, characters: int = _CHUNK) -> bool:
        if self._ended:
            return False
        read = self._file.read(characters)
        self._ended = not read
        if self._at > _CHUNK:
            self._lines += self._text.count("\n", 0, self._at)
            self._text, self._at = self._text[self._at :], 0
        self._text += read
        return bool(read)
