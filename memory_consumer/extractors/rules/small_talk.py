"""What is said to be polite or to fill a gap: greetings, thanks, reactions. Pure."""

import re
import unicodedata

_NICE = (
    r"(?:cool|great|nice|awesome|amazing|wonderful|fantastic|perfect|good|fine|ok(?:ay)?|interesting|impressive"
    r"|incredible|lovely|beautiful|sweet|brilliant|excellent|helpful|funny|hilarious|crazy|wild|sad|terrible|awful"
    r"|right|true|correct|wrong|fair|clear|exciting|inspiring|neat|better|enough|all|it)"
)
_VERY = r"(?:(?:so|really|very|pretty|super|absolutely|totally|just|even|all|much)\s)*"
#: These may be followed by whom they are said to: Thanks, Caroline!
_SAID_TO_SOMEBODY = (
    r"hi(?:ya)?|hello|bonjour|hola|ciao|aloha|hey|yo|howdy|greetings|good\s?bye|bye(?:\sbye)?|(?:good\s)?(?:morning|afternoon|evening|night)",
    (
        r"(?:what'?s\sup|sup|how\sare\s(?:you|things)(?:\sdoing)?|how'?s\s(?:it\sgoing|life|everything)"
        r"|how\shave\syou\sbeen|how\sdo\syou\sdo)(?:\s(?:today|these\sdays|lately))?|long\stime\sno\ssee|(?:what|how)\sabout\syou|and\syou|(?:anything|what'?s)\snew"
    ),
    r"see\s(?:you|ya)(?:\s(?:all|then|around|soon|later|tomorrow|again|next\stime))*|talk\s(?:to\syou\s)?(?:soon|later)",
    r"have\sa\s(?:nice|good|great|lovely|wonderful)\s(?:day|evening|night|weekend|time|one|week)|take\scare|you\stoo",
    (
        r"(?:so\s|really\s)*(?:good|nice|great|glad|happy|lovely|sorry)\sto\s(?:see|meet|hear|know)"
        r"(?:\s(?:from|you|it|that|this|again|too))*|welcome(?:\sback)?|cheers|congrat(?:s|ulations)|good\sluck"
    ),
    (
        r"(?:many\s)?thank(?:s|\syou)(?:\s(?:so|very)\smuch|\sa\s(?:lot|million|bunch)|\sagain|\sanyway)*"
        r"(?:\sa\s(?:ton|heap)|\sfor(?:\s(?!my\b)[\w']+){1,4}(?=[\s!.,?~]*\Z))?|thx|ty(?:sm)?"
    ),
    r"(?:i\s)?(?:really\s)?appreciate\s(?:it|that|this|your\shelp)|much\sappreciated|that\s(?:really\s)?(?:helps|helped|worked)",
    r"(?:that|this|it)\swas\s(?:really\s|very\s|super\s|so\s)?helpful|you\ssaved\smy\s\w+",
    r"you(?:'|\sa)?re\s(?:the\sbest|(?:absolutely\s)?right|welcome|amazing|awesome|a\slifesaver|great|so\skind|correct)",
    rf"you(?:'|\sa)?re\s{_VERY}{_NICE}|(?:that|this)(?:'?s|\sis)\s{_VERY}(?:a\slot\s)?(?:clearer|easier)(?:\snow)?",
    r"(?:good|great|nice|well)\s(?:job|work|point|one|idea|question|answer|explanation|to\sknow|bot|done)",
    rf"(?:(?:that|this)(?:'?s|\sis)|sounds|looks|how|what\sa)\s{_VERY}{_NICE}(?:\sto\sme)?|(?:so|really|very|pretty|super)\s{_NICE}",
    r"(?:that|this|it)(?:'?s|\sis)\s(?:exactly\s|just\s)?what\si\s(?:needed|wanted|meant|was\slooking\sfor)",
    r"(?:that|this|it)(?:'?s|\sis)\snot\s(?:it|right|true|correct|helpful|what\si\s(?:meant|asked(?:\sfor)?|wanted))",
    r"i\s(?:do\snot|don'?t)\sknow|i\s(?:do\snot|don'?t)\s(?:really\s|quite\s)?(?:get\sit|understand)|idk|i'?m\snot\ssure|not\s(?:sure|really|yet|at\sall)|maybe|perhaps|kind\sof|never\s?mind",
    r"(?:i'?m\s)?(?:so\s)?sorry(?:\s(?:about\sthat|for\s(?:the\s|my\s)?(?:late\sreply|delay|confusion|trouble)))?",
    r"lol|lmao|(?:ha)+h?|(?:he)+|omg|whoa|wo+w|yay|yikes|oh\s(?:no|my(?:\sgod|\sgosh)?|man)|phew|damn",
    r"cool|great|nice|awesome|amazing|wonderful|fantastic|perfect|good|fine|interesting|impressive|excellent|brilliant|lovely",
)
_SAID_ALONE = (
    r"(?:(?:that|this|it)\s)?makes\s(?:total\s|perfect\s|a\slot\sof\s)?sense|fair\senough|i\ssee|got\s(?:it|cha)|gotcha",
    r"i\s(?:totally\s|completely\s)?(?:understand|agree|get\sit|guess(?:\sso)?|think\sso|hope\sso)|understood|agreed",
    r"ok(?:ay)?|kk?|yes|yeah|yep|yup|no|nope|nah|sure(?:\sthing)?|right|exactly|indeed|absolutely|definitely|of\scourse",
    r"(?:it\s)?(?:still\s)?(?:does\snot|doesn't|did\snot|didn't)\swork|still\s(?:broken|wrong|not\sworking|the\ssame)",
    r"you\s(?:misunderstood|misread|forgot|missed)(?:\s(?:me|it|that|this|something))?|(?:please\s)?stop\s[a-z]+ing",
    r"no\s(?:problem|worries|idea|way|thanks?)|my\sbad|same(?:\shere)?|me\stoo|love\s(?:it|that|this)",
    r"(?:i\shave\s)?(?:just\s)?(?:a|one|another|quick|next)(?:\s(?:more|last|quick))?\s(?:thing|question)|question",
    r"let\sme\s(?:think|see|check)(?:\sabout\s(?:it|that|this))?|let'?s\s(?:start|begin|go|see|continue|do\s(?:it|this))",
    r"(?:it'?s\s)?me\sagain|it'?s\sme|(?:roger|copy)(?:\sthat)?|(?:that|the)\s(?:last|first|second|other)\sone|i'?m\sback|anyone|everyone|there|again|guys|test(?:ing)?|please",
    r"alright|well|so|anyways?|btw|by\sthe\sway|u+m+|u+h+|e+r+m*|h+m+|oh|ah|a+w+|u+g+h+|oops|also|and|but|then|now|next|actually",
)
_JAPANESE_PHRASES = (
    r"こんにち[はわ]|こんばん[はわ]|おはよう(?:ございます)?|おやすみ(?:なさい)?|[はお]じゃまします|はじめまして|初めまして",
    r"お?元気(?:です|でした|にして(?:る|た|ます|ました))?か?|(?:最近|調子)は?どう(?:です|でした)?か?|お?久しぶり(?:です)?|ただいま|おかえり(?:なさい)?|行ってきます|失礼します|失礼しました|もしもし|どうも",
    r"お疲れ(?:様|さま)?(?:です|でした)?|お世話になって(?:い|お)?ります|お世話になります|さようなら|バイバイ|またね|じゃあ?ね",
    r"また(?:明日|あとで|後で|今度|来週)(?:ね|お願いします)?|よい(?:週末|一日|お年)を|良い(?:週末|一日|お年)を|お大事に",
    r"(?:どうぞ|今後とも|改めて|また)?(?:よろしく|宜しく)(?:お?願い(?:します|致します|いたします))?(?:ね)?",
    (
        r"(?:本当に|ほんとに|ほんと|いつも|色々と?|いろいろと?|説明|回答|返信|ヒント|アドバイス|レシピ|情報|わかりやすい|を|教えてくれて|丁寧に)*、?"
        r"(?:ありがとう|有難う|有り難う|ありがと)(?:ございま(?:す|した))?(?:ね|な)?|感謝(?:です|します)?|サンキュー|あざす"
    ),
    r"(?:とても|すごく|大変|本当に|ほんとに?|マジで|めっちゃ)?(?:参考になり(?:ます|ました)|助かり(?:ます|ました)|助かった|助かる|勉強になり(?:ます|ました))",
    r"(?:また)*(?:どうも)?(?:すみません|すいません|申し訳(?:ない|ありません|ございません)(?:です)?|ごめん(?:なさい|ね)?)",
    r"(?:返信|返事|連絡)(?:が|の)?遅(?:くなって|れて)(?:すみません|ごめん(?:なさい)?|申し訳ありません)",
    r"あと?もう(?:一つ|ひとつ)だけ|もう(?:一つ|ひとつ)だけ|(?:次の)?質問(?:です)?",
    r"[^、。!?\s]{0,15}(?:て|で)くれて(?:本当に)?(?:ありがとう|ありがと)(?:ございま(?:す|した))?",
    r"それはそう(?:かも)?(?:しれない(?:です)?)?|そういう(?:意味|こと)(?:じゃ|では)(?:ない(?:です)?|ありません)|そうじゃなく(?:て|て、)?",
    r"(?:まだ|やっぱり)?(?:動かない(?:です)?|動きません|[ダだ][メめ](?:です|でした)?|同じ(?:です)?)|また来ました|謝らなくて(?:も)?いい(?:です)?よ?",
    r"(?:だいぶ|よく|とても|すごく)?(?:(?:わか|分か)りました|(?:わか|分か)った|理解(?:できました|しました|できた))",
    r"(?:いい|良い|よい|鋭い|素晴らしい)(?:質問|答え|アイデア|案|考え|指摘)(?:です|だ)?(?:ね|よ)?",
    r"や[あぁ]|やっほー?|ハロー|(?:では|それでは|じゃあ?)また(?:ね)?|(?:良い|よい|いい|素敵な)(?:一日|週末|夜|お年|休日)を",
    r"わかりました|分かりました|わかった|分かった|わからない|分からない(?:です)?|(?:よく)?(?:わか|分か)りません|やってみます|もっと詳しく|次|了解(?:です|しました|！)?|承知(?:です|しました)",
    r"はい|ええ|うん|う[ーう]*ん|いいえ|いえ(?:いえ)?|いや(?:いや)?|へ[えぇー]+|ふ[ーう]*ん|ふむ(?:ふむ)?|お[ーおぉ]+|わ[あぁー]+|あ[ーあぁ]*|え[ーえぇ]*",
    r"笑+|w+(?![a-z])|ワロタ|うける|ウケる|草|はは+|あは+|えへへ|それな|マジ(?:で|か)?|まじ(?:で|か)?|やばい?|おk|オッケー|オーケー|ok",
    r"なるほど(?:です)?ね?|たしかに|確かに|もちろん(?:です)?|その(?:とお|通)り(?:です)?ね?|おっしゃる(?:とお|通)り(?:です)?ね?|同感(?:です)?",
    r"そ(?:う(?:です|な(?:ん(?:です|だ))?|だ|いうこと(?:です)?)?|っか|れは)(?:よ)?(?:ね|か|な)*",
    (
        r"(?:それ(?:は|、|って)?|これ(?:は|、)?|とても|すごく|めっちゃ|本当に|ほんとに?|マジで|だいぶ)*"
        r"(?:すご(?:い|く|すぎ)|凄い|いい感じ|いい|良い|よかった|良かった|面白い|おもしろい|面白そう|楽しそう|素敵|すてき|最高|完璧|さすが|素晴らしい"
        r"|すばらしい|正解|違(?:う|います)|嬉しい|うれしい|大丈夫|問題ない|十分|びっくり|残念)(?:と思う|と思います)?(?:です|だ)?(?:ね|よ|な)*"
    ),
    r"えっと|えーと|ええと|あの[ーう]?|その[ーう]|じゃあ?|では|さて|ところで|ちなみに|それで|でも|まあ|ま[あぁ]|とりあえず|ねえ|ほら|やっぱり?",
    r"ちょっと(?:待って|考え(?:ます|る|させて))(?:ください|ね)?|また(?:また)+|始め(?:よう|ましょう)(?:か)?|しりとりしよう|テスト(?:です)?",
)
# After anything else a single name is an answer: "Yes, Kyoto."
_TO_WHOM = r"(?:[\s,]+(?-i:[A-Z][A-Za-z]+)(?=[\s!.,?~]*\Z))?"
_ENGLISH = rf"(?:(?:{'|'.join(_SAID_TO_SOMEBODY)}){_TO_WHOM}|{'|'.join(_SAID_ALONE)})"
# An English phrase must end where its word ends: "no" opens "not" and "november".
_PHRASE = re.compile(rf"{_ENGLISH}(?![a-z0-9'])|{'|'.join(_JAPANESE_PHRASES)}", re.IGNORECASE)
_SEPARATORS = re.compile(
    r"[\s、。，．,.!?！？…~〜ー♪（）():;\-\"'”’\u2600-\u27bf\U0001f300-\U0001faff\ufe0f\u200d]*"
)
#: Longer sentences are more than politeness.
_MOST_CHARACTERS = 200


def is_small_talk(text: str) -> bool:
    """Whether a text is nothing but greetings, thanks, reactions, fillers, punctuation and emoji."""
    if len(text) > _MOST_CHARACTERS:
        return not _SEPARATORS.sub("", text)
    rest = unicodedata.normalize("NFKC", text).replace("’", "'")
    position = _skip(rest, 0)
    while position < len(rest):
        found = _PHRASE.match(rest, position)
        if found is None or found.end() == position:
            return False
        position = _skip(rest, found.end())
    return True


def _skip(text: str, position: int) -> int:
    found = _SEPARATORS.match(text, position)
    return found.end() if found else position
