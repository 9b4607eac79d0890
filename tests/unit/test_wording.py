"""A question is put in the words of who was remembered."""

import pytest

from memory_store.wording import as_told, own_family


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is the user allergic to?", "What is I allergic to?"),
        ("What is the user's job?", "What is my job?"),
        ("ユーザーの仕事は何ですか", "仕事は何ですか"),
        ("ユーザはどこに住んでいる？", "どこに住んでいる？"),
        ("奥さんの名前は？", "妻の名前は？"),
        ("お母さまと旦那さん", "母と夫"),
        ("Which users did Ann invite?", "Which users did Ann invite?"),
        ("What did Caroline paint?", "What did Caroline paint?"),
        ("ユーザー", "ユーザー"),
        ("", ""),
    ],
)
def test_a_question_says_what_the_user_would_have_said(question: str, told: str) -> None:
    assert as_told(question) == told


@pytest.mark.parametrize("text", ["小説の主人公", "兄弟", "母国", "娘", "猫の名前"])
def test_what_is_no_other_family_stays(text: str) -> None:
    assert own_family(text) == text
