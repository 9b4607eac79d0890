"""Who speaks in a message that tells it itself: "Caroline: I went …", 「太郎：行くよ。」. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HONORIFIC = r"(?:さん|くん|君|ちゃん|様|氏|先生)"
_PREFIX = re.compile(
    r"^[ \t]*(?P<name>[A-Z][a-zÀ-ÿ'’.-]{1,19}(?: [A-Z][a-zÀ-ÿ'’.-]{0,19}){0,2}|"
    rf"[一-鿿々ァ-ヶー・]{{1,8}}{_HONORIFIC}?|[ぁ-ん]{{2,4}}{_HONORIFIC})[ \t]*[:：][ \t]*(?=[^\s/])",
    re.MULTILINE,
)
#: What stands before a colon and is nobody.
_LABEL_WORDS = """
note notes todo fyi ps re fwd subject question answer error warning update edit example examples input
output summary title date time place location from to cc hint tip tips important reminder goal goals task
tasks step bug issue fix context background problem solution plan info details description result results
expected actual user assistant human system monday tuesday wednesday thursday friday saturday sunday january
february march april may june july august september october november december today tomorrow yesterday
tonight morning afternoon evening night breakfast lunch dinner snack name age job address phone email hobby
hobbies likes dislikes allergies allergy birthday pros cons ingredients budget deadline status option
options also remember first second third finally conclusion reason reasons language weather price total
version python java json file code command prompt response favorite favourite hi hello so ok okay yes no my
our the agenda menu song movie book recipe nb
注 注意 備考 例 例文 件名 宛先 質問 回答 補足 追記 メモ 日時 日付 日程 時間 場所 住所 持ち物
目的 結論 理由 予定 参考 出典 条件 背景 課題 問題 原因 対策 今日 明日 昨日 朝 昼 夜 朝食
昼食 夕食 夕飯 名前 氏名 電話 年齢 性別 職業 仕事 趣味 特技 誕生日 血液型 本文 内容 結果 入力
出力 エラー 警告 タイトル テーマ ルール ヒント ポイント 材料 手順 予算 期限 締切 状況 前提 環境
言語 月曜 火曜 水曜 木曜 金曜 土曜 日曜 月 火 水 木 金 土 日 好物 アレルギー 家族 出身
参加者 担当 連絡先 金額 合計 料金 値段 更新 訂正 要約 翻訳 質問内容 悩み 相談 希望 症状
"""
_LABELS = frozenset(_LABEL_WORDS.split())
_LABEL_ENDINGS = ("error", "exception", "warning", "曜日")


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of a text by one speaker, if that is told; `prefix` is how the text names them."""

    start: int
    end: int
    speaker: str | None = None
    prefix: str = ""


def turns(text: str) -> list[Turn]:
    """The stretches of a text by speaker; one without a speaker unless its first line opens with a name."""
    found = list(_named(text))
    if not found or text[: found[0].start()].strip():
        return [Turn(0, len(text))]
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [
        Turn(match.end(), end, match["name"], text[match.start("name") : match.end()])
        for match, end in zip(found, ends, strict=True)
    ]


def _named(text: str) -> Iterator[re.Match[str]]:
    for match in _PREFIX.finditer(text):
        words = match["name"].casefold().split()
        if not _LABELS.intersection(words) and not words[-1].endswith(_LABEL_ENDINGS):
            yield match
