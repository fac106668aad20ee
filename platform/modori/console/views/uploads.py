"""Files of orders, returns and consents: upload, dry run, approval, progress, stop, report."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from modori.connectors.csv import actions
from modori.connectors.csv.columns import COLUMNS, CONTACT_FIELDS
from modori.connectors.csv.errors import UploadNotReady
from modori.connectors.csv.model import RowOutcome, UploadKind, UploadState
from modori.connectors.csv.report import queries
from modori.connectors.csv.sample import find_sample
from modori.connectors.csv.tables import MOST_BYTES, Fault, FileFault, guard_cell, read_table
from modori.connectors.csv.tallies import COUNTED
from modori.console.door import ConsoleRoute
from modori.console.labels import label
from modori.console.upload_sample import sample_lines
from modori.console.upload_words import NO_FILE, SAMPLES, Words
from modori.console.visit import Visit, Visiting
from modori.console.words import say
from modori.kernel.errors import BadInput
from modori.kernel.ids import SiteId, TenantId
from modori.reports.leads.queries import list_site_choices
from modori.reports.paging import Cursor, read_cursor
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants.sites.queries import get_site

router = APIRouter(route_class=ConsoleRoute)

PAGE: Final = 50
ROWS_SHOWN: Final = 100
ROW: Final = say("Row")
NOT_MEANT: Final = say("Nothing was changed: tick that you mean it.")
NOTHING_TO_STOP: Final = say("Nothing was stopped: this file is not being recorded. Its state below is as it is now.")
REPORT_HEADER: Final = (say("Comes to"), say("Column"), say("Why"))


@dataclass(frozen=True)
class Posted:
    """The form that brings a file. `raw` is one byte longer than allowed where the file is too large."""

    kind: str
    name: str
    raw: bytes


async def posted_file(request: Request) -> Posted:
    form = await request.form()
    sent = form.get("file")
    if not isinstance(sent, UploadFile):
        return Posted(str(form.get("kind", "")), "", b"")
    name = (sent.filename or "").replace("\\", "/").rpartition("/")[2]
    return Posted(str(form.get("kind", "")), name, await sent.read(MOST_BYTES + 1))


@router.get("/uploads", name="uploads.index")
def index(visit: Visiting, after: Annotated[str, Query(max_length=100)] = "") -> Response:
    tenant_ids = visit.tenants
    with read_transaction(tenant_ids) as session:
        found = queries.list_uploads(session, tenant_ids=tenant_ids, after=read_cursor(after), limit=PAGE + 1)
    shown = found[:PAGE]
    older = None
    if len(found) > PAGE:
        older = f"?{urlencode({'after': str(Cursor(shown[-1].made_at, shown[-1].upload_id))})}"
    return visit.page(
        "uploads/index.html",
        section="uploads",
        uploads=shown,
        newer="/console/uploads" if after else None,
        older=older,
    )


@router.get("/uploads/new", name="uploads.new")
def new(
    visit: Visiting,
    site: Annotated[str, Query(max_length=40)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    return _form(visit, visit.tenants, site=site, kind=_kind(kind) or UploadKind.ORDERS, problem=None)


@router.post("/uploads/{tenant_id}/{site_id}", name="uploads.make")
def make(visit: Visiting, tenant_id: UUID, site_id: UUID, posted: Annotated[Posted, Depends(posted_file)]) -> Response:
    tenant, site, kind = TenantId(tenant_id), SiteId(site_id), _kind(posted.kind)
    with read_transaction([tenant]) as session:
        get_site(session, tenant_id=tenant, site_id=site)
    if kind is None:
        raise BadInput("the kind of file is missing")
    table = read_table(posted.raw, kind=kind.value)
    if isinstance(table, Fault):
        problem = Words(visit.word, kind).fault(table)
        if not posted.name and table.code is FileFault.EMPTY:
            problem = visit.word(NO_FILE)
        return _form(visit, [tenant], site=str(site), kind=kind, problem=problem)
    with tenant_transaction(tenant) as session:
        upload = actions.keep_upload(
            session,
            tenant_id=tenant,
            site_id=site,
            kind=kind,
            file=actions.File(posted.name, posted.raw, table),
            user_id=visit.viewer.user_id,
            now=visit.now,
        )
    return visit.go(f"/console/uploads/{tenant}/{upload.upload_id}")


Outcome = Annotated[str, Query(max_length=20)]
After = Annotated[int, Query(ge=0, le=10_000_000)]


@router.get("/uploads/{tenant_id}/{upload_id}", name="uploads.show")
def show(visit: Visiting, tenant_id: UUID, upload_id: UUID, outcome: Outcome = "", after: After = 0) -> Response:
    return _page(visit, tenant_id, upload_id, outcome=outcome, after=after)


@router.get("/uploads/{tenant_id}/{upload_id}/progress", name="uploads.progress")
def progress(visit: Visiting, tenant_id: UUID, upload_id: UUID, outcome: Outcome = "", after: After = 0) -> Response:
    """The live part of the page, read again when a part of the file has come to its end."""
    return visit.part("uploads/_progress.html", **_facts(visit, tenant_id, upload_id, outcome, after))


@router.get("/uploads/{tenant_id}/{upload_id}/report.csv", name="uploads.report")
def report(visit: Visiting, tenant_id: UUID, upload_id: UUID) -> Response:
    """Every row's outcome as CSV for a spreadsheet: UTF-8 with a mark, no cell a formula (RULES 38)."""
    tenant = TenantId(tenant_id)
    written = io.StringIO()
    lines = csv.writer(written)
    with read_transaction([tenant]) as session:
        upload = queries.get_upload_listed(session, tenant_id=tenant, upload_id=upload_id)
        words = Words(visit.word, upload.kind)
        lines.writerow([visit.word(ROW), words.row_name(), *map(visit.word, REPORT_HEADER)])
        for row in queries.iter_rows(session, tenant_id=tenant, upload_id=upload_id):
            column = upload.headers.get(row.field or "", row.field or "")
            reason = words.reason(row.reason, outcome=row.outcome.value, twin=row.twin)
            said = (row.name, visit.word(label(row.outcome)), column, reason)
            lines.writerow([row.row_number, *map(guard_cell, said)])
    return Response(
        written.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="report-{upload_id}.csv"', "Cache-Control": "no-store"},
    )


@router.post("/uploads/{tenant_id}/{upload_id}/apply", name="uploads.apply")
def apply(visit: Visiting, tenant_id: UUID, upload_id: UUID) -> Response:
    """Approve a checked file: its orders bill (G11), so that a person's name stands under it."""
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        actions.approve_upload(
            session, tenant_id=tenant, upload_id=upload_id, user_id=visit.viewer.user_id, now=visit.now
        )
    return visit.go(f"/console/uploads/{tenant}/{upload_id}", done="approved")


@router.post("/uploads/{tenant_id}/{upload_id}/stop", name="uploads.stop")
def stop(
    visit: Visiting, tenant_id: UUID, upload_id: UUID, confirmed: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Stop a file that is being recorded: no row follows this commit."""
    tenant = TenantId(tenant_id)
    if confirmed != "yes":
        return _page(visit, tenant_id, upload_id, status=422, problem=NOT_MEANT)
    try:
        with tenant_transaction(tenant) as session:
            actions.stop_upload(
                session, tenant_id=tenant, upload_id=upload_id, user_id=visit.viewer.user_id, now=visit.now
            )
    except UploadNotReady as refused:
        return _page(visit, tenant_id, upload_id, status=refused.status, problem=NOTHING_TO_STOP)
    return visit.go(f"/console/uploads/{tenant}/{upload_id}", done="file_stopped")


@router.post("/uploads/{tenant_id}/{upload_id}/drop", name="uploads.drop")
def drop(visit: Visiting, tenant_id: UUID, upload_id: UUID) -> Response:
    tenant = TenantId(tenant_id)
    with tenant_transaction(tenant) as session:
        actions.drop_upload(session, tenant_id=tenant, upload_id=upload_id, user_id=visit.viewer.user_id, now=visit.now)
    return visit.go(f"/console/uploads/{tenant}/{upload_id}", done="dropped")


def _page(
    visit: Visit,
    tenant_id: UUID,
    upload_id: UUID,
    *,
    outcome: str = "",
    after: int = 0,
    status: int = 200,
    problem: str | None = None,
) -> Response:
    return visit.page(
        "uploads/show.html",
        section="uploads",
        status=status,
        problem=None if problem is None else visit.word(problem),
        **_facts(visit, tenant_id, upload_id, outcome, after),
    )


def _facts(visit: Visit, tenant_id: UUID, upload_id: UUID, outcome: str, after: int) -> dict[str, Any]:
    tenant = TenantId(tenant_id)
    wanted = RowOutcome(outcome) if outcome in set(RowOutcome) else None
    with read_transaction([tenant]) as session:
        upload = queries.get_upload_listed(session, tenant_id=tenant, upload_id=upload_id)
        rows = queries.list_rows(
            session, tenant_id=tenant, upload_id=upload_id, outcome=wanted, after=after, limit=ROWS_SHOWN + 1
        )
        earlier = queries.find_same_file(session, tenant_id=tenant, upload_id=upload_id)
        sample = (
            find_sample(session, tenant_id=tenant, upload_id=upload_id, now=visit.now)
            if upload.state is UploadState.CHECKED
            else None
        )
    here = f"/console/uploads/{tenant}/{upload_id}"
    asked = {"outcome": wanted.value} if wanted else {}
    further = asked | {"after": str(rows[ROWS_SHOWN - 1].row_number)} if len(rows) > ROWS_SHOWN else None
    return {
        "upload": upload,
        "rows": rows[:ROWS_SHOWN],
        "outcomes": [
            one for one in RowOutcome if one is not RowOutcome.UNAPPLIED or upload.state is UploadState.STOPPED
        ],
        "recorded": sum(upload.counts.get(one, 0) for one in COUNTED),
        "unapplied": upload.counts.get(RowOutcome.UNAPPLIED, 0),
        "wanted": wanted,
        "place": here,
        "query": urlencode(asked | ({"after": str(after)} if after else {})),
        "newer": f"{here}?{urlencode(asked)}" if after else None,
        "older": f"{here}?{urlencode(further)}" if further else None,
        "earlier": None if earlier is None else f"/console/uploads/{tenant}/{earlier}",
        "words": Words(visit.word, upload.kind),
        "sample_row": None if sample is None else sample.row_number,
        "sample": [] if sample is None else sample_lines(sample, upload, locale=visit.locale, word=visit.word),
    }


def _form(
    visit: Visit, tenant_ids: Sequence[TenantId], *, site: str, kind: UploadKind, problem: str | None
) -> Response:
    """The form: first the site and the kind, which say how the file is read, then the file."""
    with read_transaction(tenant_ids) as session:
        sites = list_site_choices(session, tenant_ids=tenant_ids, chosen=site)
        chosen = next((one for one in sites if str(one.site_id) == site), sites[0] if len(sites) == 1 else None)
        found = (
            None if chosen is None else get_site(session, tenant_id=chosen.tenant_id, site_id=SiteId(chosen.site_id))
        )
    return visit.page(
        "uploads/new.html",
        section="uploads",
        status=422 if problem else 200,
        sites=[(one.site_id, f"{visit.viewer.tenant_name(one.tenant_id)} – {one.name}") for one in sites],
        site=found,
        kinds=list(UploadKind),
        kind=kind,
        columns=COLUMNS[kind.value],
        contact_fields=CONTACT_FIELDS,
        sample=SAMPLES[kind],
        words=Words(visit.word, kind),
        most_bytes=MOST_BYTES,
        too_large=Words(visit.word, kind).fault(Fault(FileFault.TOO_LARGE)),
        problem=problem,
    )


def _kind(text: str) -> UploadKind | None:
    return UploadKind(text) if text in set(UploadKind) else None
