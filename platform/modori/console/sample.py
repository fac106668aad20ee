"""A made-up person and cart, with which the scenario page shows each message as people will see it."""

from collections.abc import Mapping
from typing import Any, Final

from modori.channels.compose import compose, shown_facts
from modori.channels.liquid import BrokenWording, render_wording
from modori.channels.wire import MessageFacts, Prepared, Sender, Unpreparable, UnpreparableReason, Wording
from modori.people.model import Channel
from modori.tenants.model import Site, Tenant

TOKENS: Final = ("A" * 22, "B" * 22)
"""In the links of a preview: as long as real ones, and open nothing."""
NAMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "ja": ("山田 花子", "南部鉄器の急須", "栗の木のまな板"),
    "en": ("Hanako Yamada", "Cast-iron teapot", "Chestnut cutting board"),
}


def preview(
    tenant: Tenant, site: Site | None, *, channel: Channel, wording: Wording, public_url: str
) -> Prepared | Unpreparable:
    """Make a mail or an SMS of a wording and the made-up cart."""
    facts = sample_facts(tenant, site, channel=channel, locale=wording.locale)
    return compose(facts, wording, public_url=public_url, tokens=TOKENS)


def preview_script(tenant: Tenant, site: Site | None, *, wording: Wording, operator_name: str) -> str | Unpreparable:
    """Make an operator's script of a wording and the made-up cart."""
    facts = sample_facts(tenant, site, channel=Channel.CALL, locale=wording.locale)
    shown: dict[str, Any] = shown_facts(facts, wording.locale) | {
        "operator": {"name": operator_name},
        "goods_kind": tenant.goods_kind if wording.locale == "ja" else tenant.goods_kind_en,
    }
    try:
        return render_wording(wording.body, shown).strip()
    except BrokenWording as error:
        return Unpreparable(UnpreparableReason.WORDING_BROKEN, str(error))


def sample_facts(tenant: Tenant, site: Site | None, *, channel: Channel, locale: str) -> MessageFacts:
    person, first, second = NAMES[locale if locale in NAMES else "en"]
    origins = site.origins if site else ["https://shop.example"]
    items = [
        {"id": "sample-1", "name": first, "price_minor": 4980, "quantity": 1},
        {"id": "sample-2", "name": second, "price_minor": 3200, "quantity": 2},
    ]
    return MessageFacts(
        channel=channel,
        to_value="",
        person_name=person,
        items=items,
        cart_minor=11_380,
        currency="JPY",
        cart_url=None,
        site_name=site.name if site else tenant.name,
        site_origins=origins,
        site_cart_url=site.cart_url if site else None,
        sender=Sender(
            name=tenant.sender_name if locale == "ja" else tenant.sender_name_en,
            address=tenant.mail_from if channel is Channel.EMAIL else tenant.sms_from,
            postal_address=tenant.postal_address,
            complaint_contact=tenant.complaint_contact,
        ),
    )
