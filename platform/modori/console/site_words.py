"""What the page of a site calls things, and what it advises: fields, reasons, refusals, leaks, what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modori.capture.model import LeakKind
from modori.capture.notices import Sent, Unsaid
from modori.capture.rules import ProofVerdict
from modori.console.words import say
from modori.reports.sites.rules import Missing, PageKind, Trouble


@dataclass(frozen=True, slots=True)
class Advice:
    """What is the case, and what to do about it (empty: nothing). is_grave: harm is done until somebody does it."""

    what: str
    do: str = ""
    is_grave: bool = False


PAGES: Final[Mapping[PageKind, str]] = {
    PageKind.PRODUCT: say("Product"),
    PageKind.CART: say("Cart"),
    PageKind.FORM: say("Checkout or form"),
    PageKind.THANKS: say("Thank-you page, order"),
}

MISSING: Final[Mapping[Missing, Advice]] = {
    Missing.PRODUCT_NEVER: Advice(
        say("No product page was recognised"),
        say("Not needed for carts. Schema.org Product in the page adds names and pictures to them."),
    ),
    Missing.CART_NEVER: Advice(
        say("No cart was seen"),
        say("Put something into the cart. Without GA4 e-commerce events in the dataLayer, call modori('cart', …)."),
    ),
    Missing.CART_WITHOUT_PRICE: Advice(
        say("Carts come without a price"),
        say("Send value and each item's price; messages and reports show them."),
    ),
    Missing.CART_WITHOUT_LINK: Advice(
        say("Carts do not say where they are"),
        say("Send url with the cart, or set the address of the cart in this site's policy."),
    ),
    Missing.CART_WITHOUT_PICTURE: Advice(
        say("Carts come without a picture"),
        say("Send image with each item. If pictures lie on another host, enter it in this site's settings."),
    ),
    Missing.FORM_NEVER: Advice(
        say("No form was seen"),
        say("Type something into the form. A form in another site's frame cannot be seen."),
    ),
    Missing.FORM_WITHOUT_EMAIL: Advice(
        say("No e-mail address was taken from any form"),
        say('See Fields: put autocomplete="email" on the field.'),
    ),
    Missing.FORM_WITHOUT_PHONE: Advice(
        say("No telephone number was taken from any form"),
        say('SMS and calls need one: put autocomplete="tel" on the field, where the form has one.'),
    ),
    Missing.CONSENT_NEVER: Advice(
        say("No consent to be contacted was seen"),
        say("Mail and SMS need one. Report the box or button with modori('consent', …)."),
    ),
    Missing.ORDER_NEVER: Advice(
        say("No order was ever reported"),
        say("Report orders from the server with POST /v1/orders: people who bought must not be contacted."),
    ),
    Missing.ORDER_NEVER_FROM_SERVER: Advice(
        say("Orders come from browsers alone"),
        say("They stop messages and bill nothing. Report them from the server with POST /v1/orders, too."),
    ),
    Missing.WHILE_OFF: Advice(say("Capture is off")),
    Missing.NOT_SINCE_ON: Advice(
        say("Nothing was heard since capture was switched on"), say("Open such a page of the site.")
    ),
}

TROUBLES: Final[Mapping[Trouble, Advice]] = {
    Trouble.LEAKED_KEY: Advice(
        say("A secret key of this site came from a page, where everybody can read it:"),
        say("Revoke it now, under Settings."),
        is_grave=True,
    ),
    Trouble.NO_KEY: Advice(say("The site has no key for the page."), say("Make one under Settings.")),
    Trouble.CAPTURE_OFF: Advice(
        say("Capture is off: the tag does nothing until you turn it on and publish a notice."),
        say("The tab Notice has a text that lists what this site sends."),
    ),
    Trouble.NEVER_LOADED: Advice(
        say("Nothing has been heard from this site yet."),
        say("Paste the tag and open a page of the site: this page shows it within seconds."),
    ),
    Trouble.FOREIGN_ORIGIN: Advice(
        say("The tag is loaded, and what it sends is refused: the page's origin is not registered."),
        say("Add it under Edit, if it is yours: staging, www, a second shop."),
    ),
    Trouble.NOTICE_NOT_IN_PAGE: Advice(
        say("The tag is loaded and sends nothing: the notice is not in the page."),
        say("In mode “With notice” it waits until the notice's element is there. Check the CSS selector."),
    ),
    Trouble.NO_PERMISSION_YET: Advice(
        say("The tag is loaded and sends nothing: nobody has given permission yet."),
        say("Connect your consent tool: Google Consent Mode is understood, or call modori('consent', …)."),
    ),
    Trouble.ERRORS: Advice(
        say("The tag has caught errors in some pages."),
        say("Open such a page with ?modori_debug=1."),
    ),
    Trouble.DROPPED: Advice(
        say("Some pages had to give events up."),
        say(
            "Look first at what the server refused, under Events. If that is not it, the page's policy"
            " (CSP connect-src) or a network filter keeps the tag from sending."
        ),
    ),
    Trouble.OLD_VERSION: Advice(
        say("The newest page runs another version of the tag than the one served here."),
        say("A tag with a fixed version and SRI must be changed by hand."),
    ),
}

WHY: Final[Mapping[str, Advice]] = {
    "taken": Advice(say("Taken")),
    "confirmation": Advice(say("Repeats another field"), say("Compared, and not taken twice.")),
    "password": Advice(say("Password"), say("Never read.")),
    "card": Advice(say("Card"), say("Never read.")),
    "one-time-code": Advice(say("One-time code"), say("Never read.")),
    "hidden": Advice(say("Hidden"), say("Only what a person sees is read.")),
    "ignored": Advice(say("Ignored by the page"), say("It stands under data-modori-ignore.")),
    "frame": Advice(say("In a foreign frame"), say("Out of reach, as payment frames should be.")),
    "disabled": Advice(say("Disabled or read-only"), say("Read once a person can change it.")),
    "type": Advice(say("Not a text field"), say("Boxes, buttons, files and dates are not read.")),
    "unknown": Advice(
        say("Not recognised"),
        say('If it should be taken, add autocomplete, such as autocomplete="email".'),
    ),
    "value": Advice(say("Looked like a card number"), say("The field is allowed; what was typed was left out.")),
}
"""Why an input is taken or is not, by the word of the survey."""

TOKENS: Final[Mapping[str, str]] = {
    "email": say("E-mail address"),
    "tel": say("Telephone"),
    "name": say("Name"),
    "family-name": say("Family name"),
    "given-name": say("Given name"),
    "name-kana": say("Name in kana"),
    "family-name-kana": say("Family name in kana"),
    "given-name-kana": say("Given name in kana"),
    "postal-code": say("Postal code"),
    "address-level1": say("Prefecture"),
    "address-level2": say("City"),
    "address-line1": say("Address, first line"),
    "address-line2": say("Address, second line"),
    "street-address": say("Street address"),
    "organization": say("Company"),
    "line": say("LINE account"),
    "member_index": say("Member number"),
}

TYPES: Final[Mapping[str, str]] = {
    "page": say("Page"),
    "cart": say("Cart"),
    "form": say("Form"),
    "identify": say("Identity"),
    "consent": say("Consent"),
    "order": say("Order"),
}

MARKS: Final[Mapping[str, str]] = {"bot": say("Bot"), "prefetch": say("Prefetch")}

PROOFS: Final[Mapping[str, str]] = {
    ProofVerdict.VALID: say("signature valid"),
    ProofVerdict.WRONG: say("signature wrong: another secret, visitor, contact or time was signed"),
    ProofVerdict.STALE: say("signature too old: sign when the page is made"),
}
"""What the signature of the shop's server is worth (docs/signed-mode.md)."""

REFUSALS: Final[Mapping[str, Advice]] = {
    "foreign_origin": Advice(
        say("The page's origin is not registered"),
        say("Add it under Edit, if it is yours: staging, www, a second shop."),
    ),
    "origin_required": Advice(say("A page's key without a browser"), say("Servers use a secret key.")),
    "secret_key_in_browser": Advice(say("A secret key stands in a page"), say("Revoke it now, under Settings.")),
    "rate_limited": Advice(say("Too many events"), say("Nothing was kept; the tag sends again by itself.")),
    "capture_off": Advice(say("Capture was off"), say("To capture, turn it on under Edit, with a notice.")),
    "capture_refused": Advice(say("The visitor said “no thanks”"), say("Nothing to do: this is as it should be.")),
    "off_origin": Advice(
        say("An address outside the site's origins"), say("Links of carts and pages must lie on a registered origin.")
    ),
    "forbidden_value": Advice(say("It held a card number or a password"), say("See the alert about it on this page.")),
    "bad_money": Advice(say("An amount is no number"), say("Send value and price as JSON numbers, in major units.")),
    "too_old": Advice(say("Older than 30 days"), say("Nothing to do.")),
    "from_the_future": Advice(say("A clock is wrong by more than a day"), say("Nothing to do.")),
    "bad_page": Advice(say("Without a page address"), say("Only servers may leave it out.")),
    "bad_visitor": Advice(say("Without a visitor's id"), say("Servers: send the cookie modori_v as visitor.")),
    "bad_data": Advice(
        say("Its data is not as documented"), say("Compare the call in the page with the description of the API.")
    ),
    "bad_event": Advice(say("It is no JSON object"), say("Each event is an object.")),
    "bad_id": Advice(say("Without an id"), say("Servers: make a UUID for each event, and repeat it with the event.")),
    "bad_type": Advice(say("Of an unknown type"), say("The types are page, cart, form, identify, consent and order.")),
    "bad_at": Advice(say("Without a time"), say("Servers: send ISO 8601 with its zone.")),
    "bad_text": Advice(
        say("It holds a character that cannot be stored"), say("Leave out NUL, and cut no emoji in two.")
    ),
    "bad_email": Advice(
        say("An e-mail address that is none"), say("Call modori('identify', …) with a whole address, or without it.")
    ),
    "bad_phone": Advice(
        say("A telephone number that is none"), say("Call modori('identify', …) with a whole number, or without it.")
    ),
    "bad_line": Advice(say("A LINE user that is none"), say("It begins with U and has 32 hexadecimal digits.")),
    "too_long": Advice(
        say("It holds a text of over 2,048 bytes: 2,048 letters, or 682 Japanese characters"), say("Shorten it.")
    ),
    "too_deep": Advice(
        say("It is nested too deeply"), say("Send flat data: six levels at most, the envelope included.")
    ),
}
"""Whatever ingest counts as refused, by code."""

LEAKS: Final[Mapping[LeakKind, str]] = {
    LeakKind.CARD: say("card number"),
    LeakKind.PASSWORD: say("password"),
    LeakKind.SECURITY_CODE: say("security code"),
    LeakKind.ONE_TIME_CODE: say("one-time code"),
}

SENT: Final[Mapping[Sent, str]] = {
    Sent.VISITOR: say("the identifier of the browser (cookie)"),
    Sent.PAGES: say("the pages visited"),
    Sent.CART: say("the cart"),
    Sent.EMAIL: say("the e-mail address"),
    Sent.PHONE: say("the telephone number"),
    Sent.NAME: say("the name"),
    Sent.ADDRESS: say("the address"),
    Sent.ORGANISATION: say("the company"),
    Sent.IDENTITY: say("what the site knows of members"),
    Sent.FORM: say("how far forms are filled in"),
    Sent.ORDER: say("completed orders"),
    Sent.CONSENT: say("consents and refusals"),
}

UNSAID: Final[Mapping[Unsaid, str]] = {
    Unsaid.RECIPIENT: say("who receives it (the agency's name)"),
    Unsaid.PURPOSE: say("what for"),
    Unsaid.REFUSAL: say("how to refuse"),
}
