"""Users on the console: their roles, and the mail that lets them in."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from modori.console import jobs, mail
from modori.console.mail import UserMailer
from modori.entrypoints import resources
from modori.kernel import clock
from modori.kernel.ids import PLATFORM
from modori.sandbox.ports import choose_port
from modori.tenants.model import Role
from tests.consoleworld import PUBLIC_URL, Console, console_app, log_in
from tests.drain import drain
from tests.world import NOW, World


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def admin(world: World) -> Console:
    return log_in(world, Role.AGENCY_ADMIN, lang="en")


def test_roles_are_given_and_taken_and_the_last_administrator_stays(world: World, admin: Console) -> None:
    user = world.users[Role.OPERATOR].user_id
    given = admin.act(f"/console/users/{user}/roles", role="account_manager", tenant=str(world.stranger.tenant_id))
    assert given.status_code == 303
    assert "Account manager" in admin.get(f"/console/users/{user}").text
    assert admin.act(f"/console/users/{user}/roles/remove", tenant=str(world.stranger.tenant_id)).status_code == 303
    wrong = admin.act(f"/console/users/{user}/roles", role="client_reviewer", tenant="")
    assert wrong.status_code == 422
    assert "a client reviewer belongs to one client" in wrong.text
    assert admin.act(f"/console/users/{user}/disable").status_code == 303
    assert "Disabled" in admin.get(f"/console/users/{user}").text


class Inbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    kept = Inbox()
    port = choose_port(None)
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    mail.configure(
        UserMailer(
            smtp_url=f"smtp://127.0.0.1:{port}",
            sender="modori@agency.example",
            public_url=PUBLIC_URL,
            ui=resources.operator_ui(),
        )
    )
    yield kept
    mail.configure(None)
    server.stop()


def _deliver() -> None:
    followers = {"user.invited": ["invitation"], "user.reset": ["reset"]}
    drain(
        [PLATFORM], subscribers=followers, jobs={"invitation": jobs.mail_invitation_now, "reset": jobs.mail_reset_now}
    )


def _link(message: EmailMessage) -> str:
    found = re.search(rf"{re.escape(PUBLIC_URL)}(/console/password/\S+)", message.get_content())
    assert found is not None
    return found[1]


def test_an_invited_user_gets_a_link_in_their_language_and_logs_in(world: World, admin: Console, inbox: Inbox) -> None:
    words = {"email": "新人@例え.example", "name": "新人", "role": "operator", "tenant": str(world.acme.tenant_id)}
    assert admin.act("/console/users", **(words | {"email": "not an address"})).status_code == 422
    email = f"hanako-{world.acme.tenant_id.hex}@agency.example"
    made = admin.act("/console/users", **(words | {"email": email, "locale": "ja"}))
    assert made.status_code == 303
    assert admin.act("/console/users", **(words | {"email": email})).status_code == 422, "there is one already"
    _deliver()
    [invitation] = [one for one in inbox.mails if email in str(one["To"])]
    assert invitation["Subject"] == "Modoriへのご招待"
    assert "新人 様" in invitation.get_content()
    visitor, password = Console(console_app()), "大きな鉄のフライパンと急須"
    assert visitor.post(_link(invitation), data={"password": password, "again": password}).status_code == 303
    entered = visitor.post("/console/login", data={"email": email, "password": password})
    assert entered.headers["location"] == "/console"


def test_a_reset_is_mailed_to_who_there_is_and_to_nobody_else(world: World, inbox: Inbox) -> None:
    visitor, email = Console(console_app()), world.users[Role.OPERATOR].email
    visitor.post("/console/forgotten", data={"email": email})
    visitor.post("/console/forgotten", data={"email": "nobody@nowhere.example"})
    _deliver()
    to = [str(one["To"]) for one in inbox.mails]
    assert any(email in one for one in to)
    assert not any("nobody@nowhere" in one for one in to)
    [reset] = [one for one in inbox.mails if email in str(one["To"])]
    assert visitor.get(_link(reset)).status_code == 200
