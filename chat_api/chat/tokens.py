"""How many tokens a text comes to, about: learning's own estimate, which the chat path may not import. Pure."""

#: Characters of a token of English. Japanese takes about one token per character.
_ASCII_CHARACTERS = 4


def estimated(text: str) -> int:
    """Tokens of a text, rounded up: a quarter for each ASCII character, one for each other."""
    ascii_ones = sum(character.isascii() for character in text)
    return len(text) - ascii_ones + -(-ascii_ones // _ASCII_CHARACTERS)
