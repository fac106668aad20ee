"""What contact points share that somebody has made up in numbers. Pure; values in, names of what they share out."""

import re
from typing import Final

from modori.people.model import ContactKind

_COMMON = """
    gmail.com googlemail.com yahoo.co.jp ymail.ne.jp yahoo.ne.jp yahoo.com docomo.ne.jp ezweb.ne.jp au.com
    uqmobile.jp softbank.ne.jp i.softbank.jp vodafone.ne.jp t.vodafone.ne.jp d.vodafone.ne.jp k.vodafone.ne.jp
    disney.ne.jp ymobile.ne.jp y-mobile.ne.jp emobile.ne.jp willcom.com pdx.ne.jp wcm.ne.jp rakuten.jp
    rakumail.jp icloud.com me.com mac.com outlook.com outlook.jp hotmail.com hotmail.co.jp live.jp live.com
    msn.com nifty.com biglobe.ne.jp so-net.ne.jp ocn.ne.jp plala.or.jp dion.ne.jp infoweb.ne.jp excite.co.jp
    goo.jp mail.goo.ne.jp jcom.home.ne.jp jcom.zaq.ne.jp eonet.ne.jp commufa.jp asahi-net.or.jp tiki.ne.jp
    bbexcite.jp aol.com aol.jp proton.me protonmail.com gmx.com gmx.de web.de mail.com naver.com qq.com
    163.com hanmail.net daum.net zoho.com yandex.com comcast.net
"""
COMMON_DOMAINS: Final = frozenset(_COMMON.split())
"""Mail providers of consumers in Japan and abroad: many new addresses there within an hour mean nothing."""

_DOTS_MEAN_NOTHING: Final = frozenset({"gmail.com", "googlemail.com"})
_TAG: Final = re.compile(r"\+.*$")
_NUMBER: Final = re.compile(r"[0-9]+")
_LAST_DIGITS: Final = 4


def shared_by(kind: ContactKind, key: str) -> list[str]:
    """Name what other values would share with this one if somebody had made them up in a row.

    key      the normalised value: E.164, or an address in lower case
    returns  none to two: of a telephone all but its last four digits; of an address its domain unless many people have
             theirs there, and its pattern without tag and with # for numbers, where it has either
    """
    match kind:
        case ContactKind.PHONE:
            return [f"tel:{key[:-_LAST_DIGITS]}"]
        case ContactKind.EMAIL:
            return _of_address(key)
        case ContactKind.LINE:
            return []


def _of_address(address: str) -> list[str]:
    local, _, domain = address.rpartition("@")
    shared = [] if domain in COMMON_DOMAINS else [f"domain:{domain}"]
    pattern = _NUMBER.sub("#", _TAG.sub("", local))
    if domain in _DOTS_MEAN_NOTHING:
        pattern = pattern.replace(".", "")
    if pattern != local:
        shared.append(f"pattern:{pattern}@{domain}")
    return shared
