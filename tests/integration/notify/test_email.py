"""Mail through a real SMTP server: over TLS, as one thread, with nothing that a name could add to its head."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from deploy.broker.process import free_port
from deploy.lab.certificates import Certificates, issue
from sinks.notify.channels.channel import Channel, RefusedNoticeError
from sinks.notify.channels.registry import channels_of
from sinks.notify.notice import Kind
from streams.contracts.errors import RetriableError
from streams.runtime.settings import Settings
from tests.support.notify import DESK, HOSTILE, hostile, notice


class Mailbox:
    """What arrived, and what is answered instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.answer = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.answer.startswith("RCPT "):
            return self.answer.removeprefix("RCPT ")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer:
            return self.answer
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


def login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
    return AuthResult(success=(given.login, given.password) == (b"svc", b"s3cret"), handled=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("tls"), ["127.0.0.1", "localhost"])


@contextmanager
def relay(certificates: Certificates) -> Iterator[tuple[Mailbox, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert_file, certificates.key_file)
    mailbox, port = Mailbox(), free_port()
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, authenticator=login,
        auth_required=True,
    )  # fmt: skip
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


@pytest.fixture
def mail(certificates: Certificates) -> Iterator[tuple[Mailbox, Channel]]:
    with relay(certificates) as (mailbox, port):
        yield mailbox, channel(port, certificates.ca_file)


def channel(port: int, ca_file: Path, password: str = "s3cret") -> Channel:
    table = {
        "name": "mail", "kind": "email", "host": "127.0.0.1", "port": port, "ca_file": str(ca_file), "username": "svc",
        "password": password, "sender": "synchealth@contoso.com", "recipients": ["desk@contoso.com", "ada@contoso.com"],
    }  # fmt: skip
    return channels_of(Settings.model_validate({"channel": [table]}).channel, "synchealth", "1")["mail"]


def test_the_mails_of_a_finding_are_one_thread(mail: tuple[Mailbox, Channel]) -> None:
    mailbox, there = mail
    reference = there.send(notice(), "")
    there.send(notice(Kind.CLOSED, 2), reference)
    there.send(notice(Kind.CLOSED, 2), reference)
    first, second, again = mailbox.mails

    assert mailbox.encrypted == [True] * 3
    assert first["Message-ID"] == second["In-Reply-To"] == second["References"] == reference
    assert again["Message-ID"] == second["Message-ID"] != first["Message-ID"]
    assert first["Subject"].strip() == "[high] [SyncHealth] Two objects, one address: smtp:ada1@contoso.com"
    assert second["Subject"].strip() == "[resolved] [SyncHealth] Two objects, one address: smtp:ada1@contoso.com"
    assert str(first["To"]) == "desk@contoso.com, ada@contoso.com"
    for part in ("plain", "html"):
        body = first.get_body((part,))
        assert body is not None
        assert f"{DESK}/f/" in body.get_content()
        assert "Ada 1 (cloud)" in body.get_content()


def test_no_name_adds_a_head_or_markup(mail: tuple[Mailbox, Channel]) -> None:
    mailbox, there = mail
    there.send(hostile(), "")
    [said] = mailbox.mails
    page, text = said.get_body(("html",)), said.get_body(("plain",))
    assert page is not None
    assert text is not None

    assert said["Bcc"] is None
    assert len(said.get_all("Subject", [])) == 1
    assert "<at>" not in page.get_content()
    assert "<!channel>" not in page.get_content()
    assert "\x1b" not in text.get_content() + page.get_content()
    assert HOSTILE not in text.get_content()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 later", RetriableError), ("550 no such message", RefusedNoticeError), ("RCPT 450 grey", RetriableError),
        ("RCPT 550 nobody", RefusedNoticeError),
    ],
)  # fmt: skip
def test_what_an_answer_means(mail: tuple[Mailbox, Channel], answer: str, error: type[Exception]) -> None:
    mailbox, there = mail
    mailbox.answer = answer
    with pytest.raises(error):
        there.send(notice(), "")


def test_a_wrong_password_is_said_without_it(certificates: Certificates) -> None:
    with relay(certificates) as (mailbox, port), pytest.raises(RetriableError, match="check username") as raised:
        channel(port, certificates.ca_file, "another").send(notice(), "")
    assert "another" not in str(raised.value)
    assert mailbox.mails == []


def test_a_relay_that_no_authority_vouches_for_hears_nothing(certificates: Certificates) -> None:
    import certifi

    with relay(certificates) as (mailbox, port), pytest.raises(RetriableError, match="CERTIFICATE_VERIFY_FAILED"):
        channel(port, Path(certifi.where())).send(notice(), "")
    assert mailbox.mails == []
