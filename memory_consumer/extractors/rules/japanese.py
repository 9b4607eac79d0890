"""Japanese sentences that only ask something or tell the assistant to do something. Pure.

A sentence is let go only by a form that is known to tell nothing, and kept if anything in it speaks of the user.
"""

import re

from memory_consumer.extractors.rules.ruleset import Rules

_QUOTED = re.compile(r"「[^」]{0,300}」|『[^』]{0,300}』|“[^”]{0,300}”|\"[^\"]{0,300}\"|`[^`]{0,300}`")
_CLOSING = r"[\s。！!？?…〜~ー♪」』）)\u2600-\u27bf\U0001f300-\U0001faff\ufe0f]*\Z"
_WHAT = r"(?:何|なに|なん|どこ|いつ|だれ|誰|どう|どれ|どっち|どちら|どの|どんな|なぜ|いくら|いくつ)"
_ASKED_FOR = re.compile(_WHAT)
_ASKS = re.compile(
    rf"[？?]{_CLOSING}"
    rf"|(?:です|ます|でした|ました|ません|でしょう|ましょう|だろう)か{_CLOSING}"
    rf"|(?:っけ|って何|とは何|とは|ってどういう(?:こと|意味)){_CLOSING}"
)
_WONDERS = re.compile(rf"(?:しよう|だろう|でしょう|かな|べき){_CLOSING}")
#: A question that expects a yes tells what it expects, and one about what to do tells what is thought of.
_TAGGED = re.compile(r"(?:よね|でしょ|じゃない|じゃん|もんね)[？?]")
_THOUGHT_OF = re.compile(r"(?:べき|[ほ方]う?がいい|[うよ]う)(?:です)?(?:か|かな|かなあ)?[？?。]?\Z")
_INSTRUCTS = re.compile(
    r"(?:(?:て|で)(?:ください|下さい|くれ(?:る|ない|ます|ません)?か?|もらえ(?:る|ない|ます|ません)か?|いただけ(?:ます|ません)か?|ほしいです)"
    r"|(?:を|お|一度|ご[一-鿿]{2})お?願い(?:します|いたします|できますか)?|頼む|頼みます"
    r"|(?:要約|翻訳|和訳|英訳|説明|解説|添削|校正|修正|訂正|比較|計算|定義|列挙|換算|踏ん|削除|追加|変更|並べ|並び替え|数え|歌っ|演じ|推測|予想|予測|実行|実装|設計|抜き出し|抽出|補足|膨らませ|描い|出力|表示"
    r"|最適化|採点|意訳|例え|褒め|励まし|慰め|確認|検索|分析|紹介|提案|整理|変換|作成|評価|レビュー|チェック"
    r"|リファクタ(?:リング)?|デバッグ|続け|教え|話|書い|書き直|直|考え|出|作っ|調べ|見せ|手伝っ|やっ|読ん|訳|まとめ|短く|長く"
    r"|簡単に|言い換え|比べ|選ん|挙げ|やり直|生成|お願い)(?:し)?[てで](?:よ|ね|みて)?)" + _CLOSING
)
_STANDING = re.compile(
    r"(?:[くで]|みたいに|ように|風に)(?:話して|話し|喋|しゃべ|答え|返事|返し|回答)|敬語|タメ口|ため口|口調|標準語|[弁語]で(?:話|答|返|回答)|今後|これから(?:は|も)|いつも|毎回|常に|必ず|絶対|以降|呼んで|呼び"
    r"|覚え(?:て|と)|忘れ|リマインド|思い出させ|ないで|やめて|短め|長め|簡潔|単位|絵文字|です・?ます"
)
_CLAUSE = re.compile(
    r"けれども|けれど|けど|ので|のに(?=、)|(?:です|ます|でした|ました|ません|んだ|だ|た|ない)が(?=、)"
    r"|(?:だ|です|ます|た|る|い)から(?=、)|(?<!つ)いて(?=、)"
    r"|(?:ない|そう|たい|です|ます|でした|ました|ません|った|んだ)(?=、)|(?<=[るいただ])し(?=、)"
)
#: Told, and not yet at its end: 犬が熱を出して。
_HAPPENED = re.compile(
    rf"が[^がか、。]*[てで]{_CLOSING}|(?:昨日|きのう|昨夜|ゆうべ|今朝|さっき|先日|先週|先月|去年|やっと|ついに)(?!の)"
)
#: Clauses that only open a question: ちょっと聞きたいんだけど.
_OPENING = re.compile(
    r"(?:(?:すみません|ごめん|悪い|恐縮です|お手数です|突然です|急です|初歩的な|素朴な|変な|ちょっと|少し|一つ|ひとつ|次の|また|あと|お|ご"
    r"|のこと|こと|もの|の|を|が|で|です|なん|なの|ある|あり|ます|んだ|んです|だ|聞き|聞い|伺い|教えて|知り|質問|相談|お願い|確認|たい|ほしい|欲しい|し"
    r"|、|\s))*"
)
_OF_THE_USER = re.compile(
    r"私|僕|俺|わたし|あたし|ぼく|うち(?=[のはでにが])|[我わ]が家|弊社|当社|自社|うちの"
    r"|(?:娘|息子|妻|夫|旦那|主人|嫁|彼女|彼氏|母|父|兄|姉|弟|妹|祖母|祖父|両親|義父|義母|家族|愛犬|愛猫)(?=[のがはにをもへと、])(?!の日)"
)
_ASKS_WHAT_WAS_SAID = re.compile(
    r"っけ|覚えて(?:る|い|ます)|前に(?:何|なん|どこ|いつ|どう)|言いましたか|話しましたか"
)
_WORKS_ON_A_TEXT = re.compile(
    r"(?:要約|翻訳|和訳|英訳|訳|校正|添削|修正|訂正|直|説明|解説|レビュー|チェック|確認|言い換え|まとめ)(?:し)?て(?:ください|下さい)?\s*[:：]\Z"
)
_PICTURED = re.compile(r"\[image:")
_FEWEST_TOLD = 3


def _only_asks(sentence: str) -> bool:
    if _PICTURED.search(sentence):
        return False
    text = _QUOTED.sub("「」", sentence).rstrip(":： ")
    instructs = _INSTRUCTS.search(text) is not None
    if instructs and _STANDING.search(text) and not _ASKS_WHAT_WAS_SAID.search(text):
        return False
    if not instructs and not _is_question(text):
        return False
    return not _tells(text)


def _announces_a_text(sentence: str) -> bool:
    return _WORKS_ON_A_TEXT.search(sentence) is not None


def _speaks_of_the_user(sentence: str) -> bool:
    return _OF_THE_USER.search(sentence) is not None


def _is_question(text: str) -> bool:
    if _TAGGED.search(text) or (_THOUGHT_OF.search(text) and not _ASKED_FOR.search(text)):
        return False
    wonders = _WONDERS.search(text) is not None and _ASKED_FOR.search(text) is not None
    return wonders or _ASKS.search(text) is not None


def _tells(text: str) -> bool:
    if _HAPPENED.search(text) and not _ASKED_FOR.search(text):
        return True
    if any(_is_told(text[: match.start()]) for match in _CLAUSE.finditer(text)):
        return True
    return not _ASKS_WHAT_WAS_SAID.search(text) and _speaks_of_the_user(text)


def _is_told(clause: str) -> bool:
    found = _OPENING.match(clause)
    return len(clause) - (found.end() if found else 0) >= _FEWEST_TOLD


RULES = Rules(only_asks=_only_asks, announces_a_text=_announces_a_text, speaks_of_the_user=_speaks_of_the_user)
