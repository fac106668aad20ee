"""What files, their faults and their rows' reasons are called: for people who have the spreadsheet beside them."""

from collections.abc import Callable, Mapping
from typing import Final

from modori.connectors.csv.model import RowOutcome, UploadKind
from modori.connectors.csv.tables import CellFault, Fault, FileFault
from modori.connectors.csv.tallies import Sum
from modori.console.labels import label
from modori.console.words import say
from modori.people.model import Channel

COMMA: Final = say(", ")
FIELDS: Final[Mapping[str, str]] = {
    "order": say("Order number"),
    "value": say("Amount"),
    "time": say("Time of day"),
    "state": say("State"),
    "cancelled_at": say("Cancelled"),
    "at": say("Date and time"),
    "currency": say("Currency"),
    "email": say("E-mail address"),
    "tel": say("Telephone"),
    "visitor": say("Visitor id"),
    "cart": say("Cart id"),
    "member_id": say("Member number"),
    "reason": say("Reason"),
    "channel": say("Channel"),
    "contact": say("Contact"),
    "granted": say("Agreed"),
    "text": say("Text shown"),
    "given_at": say("Date and time"),
    "screen": say("Where"),
}

NUMBERS: Final[Mapping[UploadKind, str]] = {
    UploadKind.ORDERS: say("Order number"),
    UploadKind.RETURNS: say("Return number"),
}
"""What the column `id` is called in each kind of file."""

FAULTS: Final[Mapping[FileFault, str]] = {
    FileFault.EMPTY: say("The file is empty."),
    FileFault.TOO_LARGE: say("The file is larger than 10 MiB. Split it."),
    FileFault.TOO_MANY_ROWS: say("The file has more than 50,000 rows. Split it."),
    FileFault.UNKNOWN_ENCODING: say("The characters cannot be read. Save the file as UTF-8 or Shift_JIS."),
    FileFault.NOT_CSV: say("This is not a CSV file, or a quotation mark is not closed."),
    FileFault.SPREADSHEET: say("This is a spreadsheet. Save it as CSV and choose that file."),
    FileFault.NO_ROWS: say("The file has a header and no rows."),
    FileFault.MISSING_COLUMN: say("A column is missing: %(columns)s. Check the names in the first row."),
    FileFault.DUPLICATE_HEADER: say("Two columns mean the same: %(columns)s. Remove one of them."),
}
NO_FILE: Final = say("Choose a file.")
IN_ROW: Final = say("Row %(row)s.")

REASONS: Final[Mapping[str, str]] = {
    CellFault.MISSING_VALUE: say("Nothing stands here."),
    CellFault.TOO_LONG: say("This is too long."),
    CellFault.EXTRA_CELLS: say("The row has more cells than the header. Put an amount with commas in quotation marks."),
    CellFault.BAD_AMOUNT: say("This is not a possible amount in this currency."),
    CellFault.OTHER_CURRENCY_SIGN: say("The sign is that of another currency."),
    CellFault.BAD_INSTANT: say("Write dates as 2026/11/22 9:05 or 2026-11-22T09:05:00+09:00."),
    CellFault.TIME_MISSING: say("The time of day is missing: it decides which messages came before the order."),
    CellFault.NOT_AN_ORDER: say(
        "The file calls it cancelled, returned or never finished. What was recorded of it goes by a file of returns."
    ),
    CellFault.FURTHER_LINE: say("A further item of the order above, which has the amount."),
    CellFault.REPEATED: say("A row further up says the same."),
    CellFault.ORDER_TWICE: say("The same order number stands further up, with another amount."),
    CellFault.RETURN_TWICE: say("The same return number stands further up, with other contents."),
    CellFault.BAD_REASON: say("Write cancel, refusal, return or unpaid."),
    CellFault.BAD_CHANNEL: say("Write email, sms, line or call."),
    CellFault.BAD_ANSWER: say("Write yes or no."),
    "erased": say("This person was erased after the upload. The row was emptied."),
    "bad_input": say("This cannot be stored."),
    "bad_email": say("This is not an e-mail address."),
    "bad_phone": say("This is not a telephone number."),
    "bad_line": say("This is not a LINE user id."),
    "unknown_currency": say("There is no such currency."),
    "at_in_future": say("This lies in the future."),
    "at_too_old": say("This is more than a year ago."),
    "order_differs": say("This order is on record with another amount."),
    "reversal_differs": say("This return is on record with other contents."),
    "reversal_exceeds_order": say("This is more than is left of the order."),
    "reversal_before_order": say("The order is not known yet. The return is kept and applied when the order comes."),
}
TWINS: Final[Mapping[str, str]] = {
    CellFault.REPEATED: say("Row %(row)s says the same."),
    CellFault.ORDER_TWICE: say("The same order number stands in row %(row)s, with another amount."),
    CellFault.RETURN_TWICE: say("The same return number stands in row %(row)s, with other contents."),
}
"""Of reasons that another row of the file gives: where its number is known."""
KEPT_ORDER: Final = say("Kept: it stops messages, and does not bill until it is sent right.")
OTHER: Final = say("This is not possible.")

SUMS: Final[Mapping[RowOutcome, str]] = {
    RowOutcome.NEW: say("Recorded as new"),
    RowOutcome.KEPT: say("Kept, without effect on bills yet"),
}
GIVEN: Final = say("%(channel)s: agreed")
WITHDRAWN: Final = say("%(channel)s: withdrawn")

SAMPLES: Final[Mapping[UploadKind, str]] = {
    UploadKind.ORDERS: "注文番号,金額,注文日時,メールアドレス,電話番号,通貨\n"
    'A-1001,"4,980",2026/11/22 9:05,hanako@example.jp,090-1234-5678,JPY',
    UploadKind.RETURNS: "注文番号,返品番号,金額,理由,返品日時\nA-1001,R-1,1000,返品,2026/11/24 10:00",
    UploadKind.CONSENTS: "チャネル,連絡先,同意,同意文,同意日時,画面\n"
    "メール,hanako@example.jp,はい,お得な情報をメールで受け取る,2026/11/01 12:00,会員登録",
}
"""A header and a row of each kind, as a shop writes them."""


class Words:
    """Says all of it in the reader's language, by a catalogue's `word`."""

    def __init__(self, word: Callable[..., str], kind: UploadKind) -> None:
        self._word, self._kind = word, kind
        self._fields = {**FIELDS, "id": NUMBERS[kind]} if kind in NUMBERS else FIELDS

    def field(self, name: str | None) -> str:
        return self._word(self._fields[name]) if name is not None and name in self._fields else "—"

    def row_name(self) -> str:
        """Say what it is that names a row of such a file."""
        return self.field("contact" if self._kind is UploadKind.CONSENTS else "order")

    def sum_of(self, one: Sum) -> str:
        """Say what the rows of a sum are: orders that bill, returns whose order is not known, consents by channel."""
        channel, _, answer = one.what.partition(" ")
        if answer:
            said = GIVEN if answer == "yes" else WITHDRAWN
            return self._word(said, channel=self._word(label(Channel(channel))))
        return self._word(SUMS[one.outcome])

    def fault(self, fault: Fault) -> str:
        """Say what is wrong with a file, and where. Missing columns are named so that a file may name them alike."""
        columns = self._word(COMMA).join(f"{self.field(name)} ({name})" for name in fault.fields)
        if fault.headers:
            columns = f"{' / '.join(fault.headers)} – {columns}"
        said = self._word(FAULTS[fault.code], columns=columns) if columns else self._word(FAULTS[fault.code])
        at_row = fault.row_number is not None and fault.code is FileFault.NOT_CSV
        return f"{said} {self._word(IN_ROW, row=fault.row_number)}" if at_row else said

    def reason(self, code: str | None, *, outcome: str, twin: int | None) -> str:
        """Say why a row is refused, only kept or a repetition; nothing for one that is none of these.

        twin  the other row of the file that the reason speaks of, where it is known
        """
        if code is None:
            return ""
        if twin is not None and code in TWINS:
            return self._word(TWINS[code], row=twin)
        said = self._word(REASONS.get(code, OTHER))
        if outcome == "kept" and code in ("bad_email", "bad_phone", CellFault.TIME_MISSING):
            return f"{said} {self._word(KEPT_ORDER)}"
        return said
