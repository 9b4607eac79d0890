"""Japanese everyday messages in any number, equal on every machine: other memories for a question to drown in.

They tell of errands, weather, housework, television and neighbours; none of work, family, food that is liked or
not taken, pets, cars, sports, studies, journeys or health, which the questions of `ja-dev` are about.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import product

_WHEN = [
    "今朝",
    "昼過ぎ",
    "夕方",
    "夜になって",
    "おととい",
    "先週の日曜",
    "月末",
    "雨の合間",
    "急に思い立って",
    "久しぶりに",
    "帰りがけ",
    "少し前",
]
_ERRANDS = (
    (
        "駅前の文房具屋|商店街の金物屋|郵便局|区役所|図書館|ホームセンター|クリーニング屋|百円ショップ|リサイクル店|花屋"
    ),
    ("便せん|電池|延長コード|書類の写し|返却期限の紙|ねじ回し|冬物のコート|収納箱|古い棚|鉢植え"),
    (
        "を受け取ってきた。|を探したけど見つからなかった。|のことを店員に聞いてみた。|を忘れて取りに戻った。|を見比べて帰ってきた。"
    ),
)
_HOUSE = (
    ("ベランダ|物置|玄関|押し入れ|窓ガラス|洗面台|カーテン|網戸|本棚|換気扇"),
    (
        "をまとめて片付けた。|を半日かけて磨いた。|の掃除を後回しにしている。|から懐かしい写真が出てきた。|の汚れがなかなか落ちない。"
    ),
    (
        "すっきりした。|くたびれた。|続きは来週にする。|手伝いがほしかった。|思ったより早く済んだ。|ほこりがすごかった。"
    ),
)
_OUTSIDE = (
    ("桜|もみじ|夕焼け|虹|満月|入道雲|霧|初雪|いちょう並木|川の水"),
    (
        "がきれいで、しばらく眺めていた。|を写真に撮った。|を見ようと橋まで歩いた。|のことがニュースになっていた。|に気づいて足を止めた。"
    ),
    (
        "風が強かった。|人が多かった。|静かだった。|傘を持っていて正解だった。|もう少し見ていたかった。|手袋が要るくらい冷えた。"
    ),
)
_NEIGHBOURS = (
    ("隣の佐藤さん|向かいの老夫婦|町内会の会長|上の階の人|管理人さん|宅配の人|回覧板の当番|自治会の役員"),
    (
        "から回覧板が回ってきた。|と立ち話をした。|が廊下の電球を替えてくれた。|に植木鉢を分けてもらった。|がごみの分別を気にしていた。"
    ),
    ("お礼を言いそびれた。|話が長くなった。|また今度ゆっくり話したい。|助かった。|少し気を使う。|来月は当番だ。"),
)
_SCREEN = (
    ("深夜のドキュメンタリー|将棋の中継|大河ドラマ|クイズ番組|天気予報|古い時代劇|料理対決の番組|宇宙の特集"),
    (
        "を最後まで見てしまった。|を録画しそこねた。|の途中で寝てしまった。|の再放送が始まった。|が思いのほか面白かった。"
    ),
    ("寝不足だ。|続きが気になる。|来週も見るつもり。|音量が小さくて聞き取りにくかった。|感想を誰かと話したい。"),
)
_THINGS = (
    ("掃除機|プリンター|洗濯機|炊飯器|扇風機|傘立て|掛け時計|懐中電灯|電子レンジ|加湿器"),
    ("の調子が悪い。|を買い替えるか迷っている。|の説明書が見つからない。|の部品を取り寄せた。|から変な音がする。"),
    ("修理の見積もりを待っている。|もう寿命かもしれない。|まだ使えそうだ。|置き場所に困る。|叩いたら直った。"),
)


def everyday(number: int, seed: int = 1) -> list[str]:
    """That many messages, no two alike. Raises ValueError for more than there are."""
    every = [
        text for topic in (_ERRANDS, _HOUSE, _OUTSIDE, _NEIGHBOURS, _SCREEN, _THINGS) for text in _said(topic)
    ]
    if number > len(every):
        raise ValueError(f"There are {len(every)} messages.")
    return random.Random(seed).sample(every, number)  # noqa: S311  which ones does not matter


def _said(topic: Sequence[str]) -> Iterator[str]:
    for when, *parts in product(_WHEN, *(part.split("|") for part in topic)):
        yield f"{when}、{''.join(parts)}"
