"""What the shop sells, in both languages. Prices are yen, tax and shipping included."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    id: str
    price: int
    first_stock: int
    names: dict[str, str]
    lines: dict[str, str]
    details: dict[str, tuple[str, ...]]


CATALOGUE: tuple[Product, ...] = (
    Product(
        id="donabe",
        price=8800,
        first_stock=240,
        names={"ja": "伊賀の土鍋 八寸", "en": "Iga clay pot, 24 cm"},
        lines={
            "ja": "ごはんも鍋も、ゆっくり温まり、ゆっくり冷める。",
            "en": "Heats slowly, cools slowly: for rice and for hot pot.",
        },
        details={
            "ja": ("直径24cm・深さ9cm", "3〜4人用", "直火・オーブン対応"),
            "en": ("24 cm wide, 9 cm deep", "Serves 3 to 4", "For flame and oven"),
        },
    ),
    Product(
        id="santoku",
        price=12800,
        first_stock=60,
        names={"ja": "三徳包丁 165mm", "en": "Santoku knife, 165 mm"},
        lines={
            "ja": "肉も魚も野菜も、この一本から。",
            "en": "One knife for meat, fish and vegetables.",
        },
        details={
            "ja": ("刃渡り165mm・重さ150g", "ステンレス三層鋼", "研ぎ直し一回無料"),
            "en": ("165 mm blade, 150 g", "Three-layer stainless steel", "First sharpening free"),
        },
    ),
    Product(
        id="kyusu",
        price=4980,
        first_stock=120,
        names={"ja": "常滑の急須 300ml", "en": "Tokoname teapot, 300 ml"},
        lines={
            "ja": "細かな茶こしで、煎茶がまろやかに。",
            "en": "A fine clay strainer for a rounder cup of sencha.",
        },
        details={
            "ja": ("容量300ml", "二〜三人分", "茶こし一体・食洗機不可"),
            "en": ("Holds 300 ml", "Two to three cups", "Built-in strainer, hand wash"),
        },
    ),
    Product(
        id="skillet",
        price=6600,
        first_stock=80,
        names={"ja": "鉄のフライパン 26cm", "en": "Iron skillet, 26 cm"},
        lines={
            "ja": "使うほど油がなじみ、手放せなくなる。",
            "en": "The more you cook in it, the better it gets.",
        },
        details={
            "ja": ("直径26cm・重さ1.2kg", "IH・直火対応", "油ならし済み"),
            "en": ("26 cm wide, 1.2 kg", "For induction and flame", "Already seasoned"),
        },
    ),
    Product(
        id="board",
        price=3980,
        first_stock=150,
        names={"ja": "青森ひばのまな板", "en": "Aomori hiba cutting board"},
        lines={
            "ja": "水に強く、刃にやさしい。",
            "en": "Takes water well and is kind to the edge.",
        },
        details={
            "ja": ("36×21×2.8cm", "一枚板・無塗装", "個体ごとに木目が異なります"),
            "en": ("36 × 21 × 2.8 cm", "One piece, unfinished", "Every grain is different"),
        },
    ),
    Product(
        id="chawan",
        price=2480,
        first_stock=3,
        names={"ja": "粉引の飯碗", "en": "Kohiki rice bowl"},
        lines={
            "ja": "手におさまる、白いごはんの器。",
            "en": "A white bowl that sits well in the hand.",
        },
        details={
            "ja": ("直径11.5cm・高さ6cm", "電子レンジ可", "手仕事のため寸法に差があります"),
            "en": ("11.5 cm wide, 6 cm high", "Microwave safe", "Made by hand, sizes vary"),
        },
    ),
)

PRODUCTS = {product.id: product for product in CATALOGUE}
