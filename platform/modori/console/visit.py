"""One request of the console: who asks, what they may see, and how the answer is written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlmodel import Session

from modori.console.access import may, may_at, tenants_shown
from modori.console.config import ConsoleConfig
from modori.console.navigation import sections
from modori.console.pages import Pages
from modori.console.queries import SessionRow
from modori.console.speaker import Speaker
from modori.console.viewer import Viewer
from modori.console.words import catalogue, say
from modori.kernel.ids import TenantId
from modori.people.model import Channel
from modori.tenants.audit import record_audit

DONE: Final = {
    "approved": say("Approved."),
    "refused": say("Turned down."),
    "released": say("Released: the person will be contacted."),
    "erased": say("Erased. What was planned for this person ends within seconds."),
    "ended": say("Ended: the person will not be contacted."),
    "saved": say("Saved."),
    "made": say("Made."),
    "invited": say("Invited: the link is on its way by mail."),
    "file_stopped": say("Stopped: the remaining rows are not recorded."),
    "dropped": say("Dropped: nothing of the file was stored."),
    "stopped": say("Sending is stopped."),
    "resumed": say("Sending goes on."),
    "revoked": say("Revoked: the key opens nothing any more."),
    "disabled": say("Disabled, and logged out everywhere."),
    "enabled": say("Enabled."),
    "closed": say("The month is closed."),
    "busy": say("You have another person on your desk. Finish there first."),
    "queue_empty": say("Nobody is waiting right now."),
    "returned": say("Given back to the queue."),
    "recorded": say("Recorded. Next, please."),
}
"""What a page may say was just done, by the word in its address."""


@dataclass(frozen=True)
class Stopped:
    """What the agency has stopped for every client, for the frame of each page.

    reason    why all sending is stopped; None while it is not
    channels  those that are stopped by themselves
    """

    reason: str | None = None
    channels: tuple[Channel, ...] = ()

    @classmethod
    def of(cls, row: SessionRow) -> "Stopped":
        channels = tuple(Channel(one) for one in row.stopped_channels)
        return cls((row.stopped_reason or "—") if row.is_stopped else None, channels)


@dataclass(frozen=True)
class Visit:
    """A request that has passed the door. `viewer` is there unless the route is public."""

    request: Request
    config: ConsoleConfig
    pages: Pages
    route: str
    locale: str
    now: datetime
    known: Viewer | None
    stopped: Stopped = Stopped()

    @property
    def viewer(self) -> Viewer:
        if self.known is None:
            raise LookupError(f"{self.route} is public and has no viewer")
        return self.known

    @property
    def zone(self) -> str:
        return self.known.timezone if self.known else "Asia/Tokyo"

    @property
    def is_htmx(self) -> bool:
        return self.request.headers.get("HX-Request") == "true"

    @property
    def tenants(self) -> list[TenantId]:
        """The clients over which this list route may run."""
        return tenants_shown(self.viewer, self.route)

    def may(self, route: str, tenant_id: UUID | None = None) -> bool:
        """Say whether a link or a button makes sense for this viewer. Doors decide, not this."""
        return may(self.viewer, route) if tenant_id is None else may_at(self.viewer, route, tenant_id)

    def word(self, message: str, **values: object) -> str:
        """Say a marked message in the reader's language."""
        said: str = catalogue(self.config.ui, self.locale).gettext(message)
        return said % values if values else said

    @property
    def speaker(self) -> Speaker:
        return Speaker(self.locale, self.zone, self.now, self.word)

    def page(self, template: str, *, section: str, status: int = 200, **given: Any) -> HTMLResponse:
        """Render a page in the shell."""
        viewer = self.viewer
        done = DONE.get(self.request.query_params.get("done", ""))
        return self.part(
            template,
            status=status,
            nav=sections(viewer, self.word),
            here=section,
            done=None if done is None else self.word(done),
            stopped=self.stopped,
            **given,
        )

    def part(self, template: str, *, status: int = 200, **given: Any) -> HTMLResponse:
        """Render a fragment for a viewer."""
        return self.pages.html(
            f"console/{template}",
            locale=self.locale,
            zone=self.zone,
            status=status,
            viewer=self.viewer,
            csrf_token=self.viewer.csrf_token,
            may=self.may,
            **given,
        )

    def alone(self, template: str, *, status: int = 200, **given: Any) -> HTMLResponse:
        """Render a page outside the shell, and remember a language that was asked for."""
        answer = self.pages.html(
            f"console/{template}",
            locale=self.locale,
            zone=self.zone,
            status=status,
            here_path=self.request.url.path,
            csrf_token=self.known.csrf_token if self.known else "",
            **given,
        )
        if self.request.query_params.get("lang") == self.locale:
            answer.set_cookie(
                "modori_lang", self.locale, max_age=365 * 86400, samesite="lax", secure=self.config.is_secure
            )
        return answer

    def audit(
        self,
        session: Session,
        action: str,
        subject_kind: str,
        subject_id: object,
        *,
        tenant_id: TenantId,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write down what the viewer did, and to what (RULES 16)."""
        record_audit(
            session,
            tenant_id=tenant_id,
            user_id=self.viewer.user_id,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject_id),
            detail=detail,
            now=self.now,
        )

    def go(self, path: str, *, done: str | None = None) -> Response:
        """Send the browser to another page, after a plain form or an htmx request alike."""
        address = f"{path}?{urlencode({'done': done})}" if done else path
        if self.is_htmx:
            return Response(status_code=204, headers={"HX-Redirect": address})
        return RedirectResponse(address, status_code=303)


def enter(request: Request) -> Visit:
    """Hand a view the visit that the door has let in."""
    visit: Visit = request.state.visit
    return visit


Visiting = Annotated[Visit, Depends(enter)]
