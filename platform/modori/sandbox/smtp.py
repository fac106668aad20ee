"""A mail server that keeps whatever it is given, and can be told to behave like a bad one."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from modori.sandbox.faults import Channel, Fault, FaultPlan, Mode
from modori.sandbox.world import World


class Receiver:
    """aiosmtpd's handler. Each receiver of a mail gets a copy of their own."""

    def __init__(self, world: World, faults: FaultPlan) -> None:
        self._world = world
        self._faults = faults

    async def handle_MAIL(  # noqa: N802  aiosmtpd finds the hook by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Draw the fate of this mail once, at its first command."""
        fault = self._faults.draw_answer(Channel.EMAIL)
        setattr(envelope, "fault", fault)  # noqa: B010  the envelope is aiosmtpd's own class
        if fault and fault.mode is Mode.RESET_BEFORE:
            await _drop(server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd finds the hook by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if _mode(envelope) is Mode.SMTP_4XX_RCPT:
            return "451 4.3.0 the mailbox is busy, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd finds the hook by this name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        mode = _mode(envelope)
        if mode is Mode.SMTP_4XX_DATA:
            return "451 4.3.0 cannot take it now, try again later"
        raw = envelope.original_content or b""
        for receiver in envelope.rcpt_tos:
            self._world.accept_mail(raw, mail_from=envelope.mail_from or "", to=receiver.strip("<>"))
        fault: Fault | None = getattr(envelope, "fault", None)
        if fault and mode in (Mode.SMTP_TIMEOUT_AFTER_DATA, Mode.SLOW):
            await asyncio.sleep(fault.seconds)
        if mode in (Mode.SMTP_TIMEOUT_AFTER_DATA, Mode.SMTP_DROP_AFTER_DATA):
            await _drop(server)
        return "250 2.0.0 kept"


class MailServer:
    """aiosmtpd on the running loop, on the loopback only."""

    def __init__(self, *, port: int, world: World, faults: FaultPlan) -> None:
        self._port = port
        self._receiver = Receiver(world, faults)
        self._server: asyncio.Server | None = None
        self._talks: weakref.WeakSet[SMTP] = weakref.WeakSet()

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._talk, "127.0.0.1", self._port)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for talk in list(self._talks):
            _abort(talk)
        await asyncio.sleep(0)

    def _talk(self) -> SMTP:
        talk = SMTP(
            self._receiver,
            hostname="sandbox.invalid",
            ident="Modori sandbox",
            enable_SMTPUTF8=True,
            data_size_limit=20_000_000,
            auth_require_tls=False,
            authenticator=_let_anybody_in,
            loop=asyncio.get_running_loop(),
        )
        self._talks.add(talk)
        return talk


def _let_anybody_in(*_: Any) -> AuthResult:
    return AuthResult(success=True)


def _mode(envelope: Envelope) -> Mode | None:
    fault: Fault | None = getattr(envelope, "fault", None)
    return fault.mode if fault else None


async def _drop(server: SMTP) -> None:
    """Close the connection without another word. aiosmtpd cancels this talk when it notices."""
    _abort(server)
    await asyncio.sleep(5)


def _abort(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()
