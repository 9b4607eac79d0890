"""Which turns of a history are known."""

from hypothesis import given
from hypothesis import strategies as st

from chat_api.completions.prefixes import Found, Matched, SentTurn, StoredTurn, digests, matched

TURNS = st.lists(
    st.builds(SentTurn, st.sampled_from(("user", "assistant")), st.text(min_size=1)), min_size=1, max_size=8
)


def stored(sent: list[SentTurn], conversation: str | None = None) -> Found:
    """All of a history, as a look at its digests finds it."""
    found = [StoredTurn(each.prefix, number, "c") for number, each in enumerate(digests(sent, conversation), 1)]
    tails = [each.tail for each in digests(sent, conversation)]
    return Found(
        {each.prefix: each for each in found}, {tail: one for tail, one in zip(tails, found, strict=True) if tail}
    )


@given(TURNS, TURNS)
def test_what_was_sent_before_is_known_and_what_comes_behind_it_is_new(
    sent: list[SentTurn], more: list[SentTurn]
) -> None:
    known = stored(sent)
    of = digests([*sent, *more], None)

    assert matched(of, Found(known.by_prefix, {})).count == len(sent)


@given(TURNS)
def test_whitespace_makes_no_other_turn(sent: list[SentTurn]) -> None:
    wrapped = [SentTurn(turn.role, f" {turn.text}\n") for turn in sent]

    assert [each.prefix for each in digests(wrapped, None)] == [each.prefix for each in digests(sent, None)]


def turn(text: str, role: str = "user") -> SentTurn:
    return SentTurn("user" if role == "user" else "assistant", text)


def test_an_edited_turn_is_new_with_all_that_follows() -> None:
    known = stored([turn("a"), turn("b", "assistant"), turn("c")])
    of = digests([turn("a"), turn("B", "assistant"), turn("c")], None)

    assert matched(of, known).count == 1


def test_the_same_words_of_somebody_else_are_another_turn() -> None:
    assert digests([turn("a")], None) != digests([turn("a", "assistant")], None)


def test_words_cannot_be_moved_between_turns() -> None:
    one, other = digests([turn("a"), turn("b c")], None), digests([turn("a b"), turn("c")], None)

    assert one[-1] != other[-1]


def test_conversations_that_are_named_are_kept_apart() -> None:
    assert matched(digests([turn("a")], "d"), stored([turn("a")], "c")) == Matched(0, None)


def test_a_history_whose_beginning_was_cut_off_goes_on_behind_its_last_known_turns() -> None:
    known = stored([turn("a"), turn("b", "assistant"), turn("c"), turn("d", "assistant")])
    of = digests([turn("c"), turn("d", "assistant"), turn("e")], None)

    at = matched(of, known)
    assert at.count == 2
    assert at.last is not None
    assert at.last.message_id == 4
