"""How many tokens texts have, as estimated without a tokenizer, and requests that are not too large. Pure."""

from collections.abc import Iterator, Sequence

#: English has about four characters per token; Japanese about one, and rare signs are several tokens each.
_ASCII_PER_TOKEN = 3
_TOKENS_PER_OTHER = 1.5
_MARKS = 2


def tokens(text: str) -> int:
    """An estimate that is seldom too low."""
    ascii_ = sum(character.isascii() for character in text)
    return _MARKS + int(ascii_ / _ASCII_PER_TOKEN + (len(text) - ascii_) * _TOKENS_PER_OTHER)


def cut(text: str, most_tokens: int) -> str:
    """A text's beginning, of at most so many tokens as estimated."""
    if len(text) * _TOKENS_PER_OTHER + _MARKS <= most_tokens:
        return text
    total = float(_MARKS)
    for place, character in enumerate(text):
        total += 1 / _ASCII_PER_TOKEN if character.isascii() else _TOKENS_PER_OTHER
        if total > most_tokens:
            return text[:place]
    return text


def batches(texts: Sequence[str], *, most_tokens: int, most_texts: int) -> Iterator[list[int]]:
    """The places of the texts, by length and so that each batch keeps to both; a longer text stands alone.

    Servers pad a batch to its longest text, or work on it for as long.
    """
    sizes = [tokens(text) for text in texts]
    batch: list[int] = []
    total = 0
    for place in sorted(range(len(texts)), key=lambda each: (sizes[each], each)):
        if batch and (len(batch) == most_texts or total + sizes[place] > most_tokens):
            yield batch
            batch, total = [], 0
        batch.append(place)
        total += sizes[place]
    if batch:
        yield batch
