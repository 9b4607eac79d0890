"""What the documents name is there."""

import re
from collections.abc import Iterator
from itertools import chain

import pytest
from fastapi.routing import APIRoute
from typer.main import get_group

from chat_api.routes import (
    admin,
    chat,
    completions,
    conversations,
    erasures,
    health,
    keys,
    memories,
    messages,
    metrics,
    users,
)
from oboegaki.cli import app
from tests.docs.pages import DECISIONS, PAGES, READMES, ROOT, Page

every_page = pytest.mark.parametrize("page", PAGES, ids=str)
every_readme = pytest.mark.parametrize("page", READMES, ids=str)
every_decision = pytest.mark.parametrize("page", DECISIONS, ids=str)

#: A file or folder of ours: with a slash in it, and none before it.
_PATH = re.compile(r"[A-Za-z_.][\w.-]*(?:/[\w.*-]+)*/(?:[\w.*-]+)?")
#: Made at run time, beside the project; or another machine's; or of tenants, `shop` and `shop2`.
_ELSEWHERE = (".oboegaki/", ".venv/", "shop/", "shop2/")
_ROUTED = (admin, chat, completions, conversations, erasures, health, keys, memories, messages, metrics, users)


@every_page
def test_every_link_leads_to_a_file_that_is_there(page: Page) -> None:
    local = [link.partition("#")[0] for link in page.links() if not link.startswith(("http://", "https://", "#"))]
    missing = [link for link in local if not (page.path.parent / link).exists()]

    assert missing == []


@every_page
def test_every_link_into_a_page_leads_to_a_heading(page: Page) -> None:
    broken = []
    for link in page.links():
        path, _, anchor = link.partition("#")
        target = page.path.parent / path if path else page.path
        if anchor and target.suffix == ".md" and anchor not in _anchors(Page(target)):
            broken.append(link)

    assert broken == []


@every_page
def test_every_file_that_is_named_with_a_path_is_there(page: Page) -> None:
    named = [word for word in page.quoted() if _PATH.fullmatch(word) and not word.startswith(_ELSEWHERE)]
    missing = [word for word in named if not any(ROOT.glob(word.rstrip("/")))]

    assert missing == []


@every_page
def test_every_test_that_is_named_is_there(page: Page) -> None:
    named = {word for word in page.quoted() if re.fullmatch(r"test_\w+", word)}

    assert named - _tests() == set()


@every_page
def test_every_setting_that_is_named_is_there(page: Page) -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(encoding="utf-8"), re.MULTILINE))
    known |= set(re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"\bOBOEGAKI_[A-Z_]*[A-Z]", page.text)) - known == set()


@every_page
def test_every_command_that_is_named_is_one(page: Page) -> None:
    known = set(get_group(app).commands)

    assert set(_called("oboegaki", page)) - known == set()


@every_page
def test_every_target_that_is_named_is_in_the_makefile(page: Page) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(_called("make", page)) - known == set()


@every_readme
def test_every_command_is_explained(page: Page) -> None:
    # Those that only docker-compose.yml calls are not typed by anybody.
    known = {name for name, command in get_group(app).commands.items() if not command.hidden}

    assert known - set(_called("oboegaki", page)) == set()


@every_readme
def test_the_calls_are_those_that_the_api_answers(page: Page) -> None:
    told = re.findall(r"^\| `((?:GET|POST|PATCH|PUT|DELETE) /[^` ?]*)", page.text, re.MULTILINE)

    assert sorted(told) == sorted(_routes())


def test_both_readmes_say_the_same_in_the_same_order() -> None:
    english, japanese = READMES

    assert [_level(each) for each in english.headings()] == [_level(each) for each in japanese.headings()]
    assert english.blocks() == japanese.blocks()
    assert _words(english) - _words(japanese) == set()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [page.path.name.partition("-")[0] for page in DECISIONS]

    assert numbers == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]


@every_decision
def test_a_decision_bears_its_number_and_ends_in_when_to_look_at_it_again(page: Page) -> None:
    paragraphs = page.text.strip().split("\n\n")

    assert paragraphs[0].startswith(f"# {page.path.name[:4]}: ")
    assert {"Context.", "Decision."} <= {p.split("**")[1] for p in paragraphs[1:] if p.startswith("**")}
    assert paragraphs[-1].startswith("**Revisit when**")


@every_page
def test_no_path_of_one_machine_is_named(page: Page) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|root|home|Users|tmp|opt|mnt)/\S*", page.text) == []


def _routes() -> Iterator[str]:
    for route in chain.from_iterable(module.router.routes for module in _ROUTED):
        assert isinstance(route, APIRoute)
        for method in route.methods or ():
            yield f"{method} {route.path.replace(':path}', '}')}"


def _called(program: str, page: Page) -> list[str]:
    """What a program is told to do, wherever code is."""
    code = [*page.quoted(), *chain.from_iterable(block.splitlines() for block in page.blocks())]
    return [found[1] for line in code if (found := re.match(rf"(?:\S*/)?{program} ([a-z][a-z-]*)", line.strip()))]


def _tests() -> set[str]:
    files = [*ROOT.glob("tests/**/test_*.py")]
    functions = (re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")) for path in files)
    return {path.stem for path in files} | set(chain.from_iterable(functions))


def _anchors(page: Page) -> set[str]:
    """As GitHub makes them."""
    titles = (heading.lstrip("#").strip().lower() for heading in page.headings())
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def _level(heading: str) -> int:
    return len(heading) - len(heading.lstrip("#"))


def _words(page: Page) -> set[str]:
    """What both languages write alike: files, tests, settings, commands, calls."""
    return {word for word in page.quoted() if word.isascii()}
