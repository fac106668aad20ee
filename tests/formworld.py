"""What is typed on the console's forms of clients and sites, and what a form that comes back says of its fields."""

import re
from html import unescape

CLIENT = {
    "name": "みやこ陶器",
    "sender_name": "みやこ陶器",
    "postal_address": "京都市東山区1-2-3",
    "complaint_contact": "support@miyako.example",
    "goods_kind": "陶器",
    "mail_from": "shop@miyako.example",
    "sms_from": "Miyako",
    "voice_from": "+815099998888",
    "tax_rate_pct": "10",
}
SITE = {
    "name": "みやこ online",
    "origins": "https://miyako.example\nhttps://www.miyako.example",
    "capture_mode": "notice",
    "notice_selector": "#notice",
    "notice_text": "入力内容をお預かりすることがあります。",
}


def described(page: str, field: str) -> list[str]:
    """What a page says of a field to whoever cannot see it, in its order."""
    tag = re.search(f'<(?:input|select|textarea) id="f-{field}"[^>]*>', page)
    assert tag is not None
    named = re.search('aria-describedby="([^"]+)"', tag[0])
    assert named is not None
    said = [re.findall(f'id="{one}"[^>]*>([^<]*)<', page) for one in named[1].split()]
    assert all(len(one) == 1 for one in said), said
    return [unescape(text) for [text] in said]


def blamed(page: str) -> list[tuple[str, str]]:
    """List the fields that a form's summary names, as it names them; each leads to the field of that label."""
    summary = page[page.index('id="refused" role="alert" tabindex="-1" autofocus') :]
    named = re.findall(r'<li><a href="#f-(\w+)">([^<]+)</a></li>', summary[: summary.index("</div>")])
    for name, label in named:
        assert f'<label for="f-{name}">{label}<' in page
        tag = rf'id="f-{name}" name="{name}"[^>]* aria-invalid="true" aria-describedby="(?:h-{name} )?e-{name}"'
        assert re.search(tag, page)
    return named


def shown_form(page: str) -> dict[str, str]:
    """What a browser would post of the page's own form, untouched: lines end as browsers end them."""
    form = page[page.index('<form class="card stack"') :]
    form = form[: form.index("</form>")]
    values = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r' name="(\w+)"', tag), re.search(r' value="([^"]*)"', tag)
        values[name[1] if name else ""] = unescape(value[1] if value else "")
    for name, value in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', form):
        values[name] = unescape(value).replace("\n", "\r\n")
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values
