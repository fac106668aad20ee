"""Who came to the demo's shop in the past week: data for `seed_history`."""

from dataclasses import dataclass

PRICES = {"furaipan": ("鉄フライパン 26cm", 8800), "kyusu": ("常滑焼の急須", 6600), "hocho": ("三徳包丁", 12100)}
CHEAP = ("竹の菜箸", 330)


@dataclass(frozen=True)
class Story:
    """One person of the past week. `then` names what followed, in order: the deeds of `seed_history.History`."""

    days_ago: int
    minute: int
    family: str
    given: str
    item: str
    then: tuple[str, ...]
    consents: tuple[str, ...] = ("email", "sms")
    tel: str | None = None
    quantity: int = 1


STORIES = (
    Story(7, 2, "伊藤", "直樹", "furaipan", ("mail", "click", "order", "approve"), tel="+819010010001"),
    Story(7, 20, "渡辺", "由美", "kyusu", ("mail", "sms", "call_refused"), tel="+819010010002"),
    Story(6, 5, "山本", "大輔", "hocho", ("mail", "sms", "click", "order", "approve", "reverse"), tel="+819010010003"),
    Story(6, 31, "中村", "恵", "kyusu", ("mail", "unsubscribe"), tel="+819010010004"),
    Story(5, 8, "小林", "誠", "furaipan", ("mail", "sms", "stop"), tel="+819010010005"),
    Story(5, 26, "加藤", "さくら", "hocho", ("mail", "click", "order", "refuse"), tel="+819010010006"),
    Story(4, 3, "吉田", "翔太", "kyusu", ("mail", "sms", "call_buy", "order", "approve"), tel="+819010010007"),
    Story(4, 17, "山田", "典子", "kyusu", (), consents=(), tel=None),
    Story(3, 12, "佐々木", "蓮", "furaipan", ("mail", "sms", "call_none"), tel="+819010010009"),
    Story(3, 29, "山口", "彩", "hocho", ("mail", "click", "order", "approve"), quantity=2),
    Story(2, 6, "松本", "健太", "kyusu", ("order",), tel="+819010010011"),
    Story(2, 24, "井上", "真由", "furaipan", ("mail", "click", "order"), tel="+819010010012"),
    Story(1, 9, "木村", "拓也", "hocho", ("mail", "sms", "call_buy", "order"), tel="+819010010013"),
    Story(0, 22, "林", "千尋", "cheap", ("mail", "sms", "call_task"), tel="+819010010014"),
    Story(0, 26, "清水", "陽菜", "cheap", ("mail", "sms", "call_task"), tel="+819010010015"),
)
