"""The documents, as the tests read them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCED = re.compile(r"^```.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^()\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """A document in Markdown."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """Without its blocks of code."""
        return _FENCED.sub("", self.text)

    def blocks(self) -> list[str]:
        """Its blocks of code."""
        return _FENCED.findall(self.text)

    def headings(self) -> list[str]:
        """Its headings, with their signs."""
        return _HEADING.findall(self.prose)

    def quoted(self) -> list[str]:
        """What stands in backticks."""
        return _QUOTED.findall(self.prose)

    def links(self) -> list[str]:
        """Where its links and pictures are."""
        return [markdown or html for markdown, html in _LINK.findall(self.prose)]


PAGES = [Page(path) for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])]
READMES = [Page(ROOT / "README.md"), Page(ROOT / "README.ja.md")]
DECISIONS = [page for page in PAGES if page.path.parent.name == "decisions"]
