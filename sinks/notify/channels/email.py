"""E-mail by SMTP: one thread a finding.

Sources: RFC 5322, section 3.6.4 (Message-ID, In-Reply-To, References: a thread; a repetition has the same Message-ID,
by which mailboxes know duplicates), RFC 5256, section 2.1 (a base subject is what is left without blobs in brackets, so
that a thread keeps it while its status changes), RFC 3834 (Auto-Submitted), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, SecretStr, model_validator

from sinks.notify.channels.channel import RefusedNoticeError, Sender
from sinks.notify.notice import Notice
from streams.contracts.errors import RetriableError, SettingsError
from streams.runtime.logs import get_logger
from streams.runtime.place import is_loopback
from streams.runtime.printable import printable
from streams.runtime.section import FilePath, Section, Texts, secret_of

_log = get_logger(__name__)
_ANSWER_S = 30.0
_PATIENCE_S = 60.0
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Attachment(NamedTuple):
    """A file beside a mail. kind and form: of its MIME type."""

    name: str
    kind: str
    form: str
    body: bytes


class EmailOptions(Section):
    """host: of the relay; security: "none" is for this machine alone. sender, recipients: addresses."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None
    sender: str
    recipients: Annotated[Texts, Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _whole(self) -> EmailOptions:
        object.__setattr__(self, "password", secret_of(self.password, self.password_file, "password"))
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security "none" is for a relay on this machine: what is sent names people')
        if (self.password is None) != (not self.username):
            raise ValueError("username and password go together")
        for key, addresses in (("sender", [self.sender]), ("recipients", self.recipients)):
            for each in addresses:
                try:
                    Address(addr_spec=each)
                except Exception:  # noqa: BLE001 - the parser of email raises whatever comes
                    raise ValueError(f"{key} {each!r} is no address, as in name@example.com") from None
        return self


class Email:
    """Sends a mail for each message."""

    Options = EmailOptions
    in_place = False
    each = False

    def __init__(self, options: EmailOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        ca_file = str(options.ca_file) if options.ca_file is not None else None
        try:
            self._tls = ssl.create_default_context(cafile=ca_file)
        except OSError as error:  # an ssl.SSLError is one
            raise SettingsError([f"ca_file {ca_file} cannot be used ({error.strerror or error})"]) from None

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel. The reference is the Message-ID of the thread's first mail."""
        mail = mail_of(notice, self._options, self._sender, reference)
        self._deliver(mail)
        return reference or str(mail["Message-ID"])

    def send_page(self, subject: str, text: str, page: str, *, key: str, attached: Attachment) -> None:
        """Deliver a page with an attachment. Raises as `send`."""
        mail = _headed(subject, key, self._options, self._sender, datetime.now(UTC))
        mail.set_content(text)
        mail.add_alternative(page, subtype="html")
        mail.add_attachment(attached.body, attached.kind, attached.form, filename=attached.name)
        self._deliver(mail)

    def _deliver(self, mail: EmailMessage) -> None:
        try:
            with self._connected() as server:
                refused = server.send_message(mail, self._options.sender, self._options.recipients)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal("every recipient", next(iter(error.recipients.values()))) from None
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            hint = "check username, password and security"
            raise RetriableError(f"{self._options.host}: {_reason(error)}: {hint}", retry_after_s=_PATIENCE_S) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(self._options.host, (error.smtp_code, error.smtp_error)) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise RetriableError(f"{self._options.host} takes no mail: {_reason(error)}") from None
        if refused:  # the others have it: once more would be twice for them
            some = f"{len(refused)} of {len(self._options.recipients)} recipients"
            _log.warning("recipients are refused", channel=self._sender.channel, refused=some)

    def close(self) -> None:
        """See Channel."""

    def _connected(self) -> smtplib.SMTP:
        options = self._options
        port = options.port or _PORTS[options.security]
        server: smtplib.SMTP
        if options.security == "tls":
            server = smtplib.SMTP_SSL(options.host, port, timeout=_ANSWER_S, context=self._tls)
        else:
            server = smtplib.SMTP(options.host, port, timeout=_ANSWER_S)
        try:
            if options.security == "starttls":
                server.starttls(context=self._tls)
            if options.password is not None:
                server.login(options.username, options.password.get_secret_value())
        except BaseException:
            with suppress(OSError, smtplib.SMTPException):
                server.close()
            raise
        return server


def mail_of(notice: Notice, options: EmailOptions, sender: Sender, reference: str) -> EmailMessage:
    """The mail of a message. reference: the Message-ID of the thread's first one; "": this is it."""
    subject = f"[{notice.status}] [SyncHealth] {notice.title}"
    mail = _headed(subject, notice.key, options, sender, datetime.fromtimestamp(notice.at_ms / 1000, UTC))
    if reference:
        mail["In-Reply-To"] = reference
        mail["References"] = reference
    mail.set_content(notice.plain())
    mail.add_alternative(_page(notice), subtype="html")
    return mail


def _headed(subject: str, key: str, options: EmailOptions, sender: Sender, at: datetime) -> EmailMessage:
    domain = Address(addr_spec=options.sender).domain
    mail = EmailMessage(policy=SMTP.clone(utf8=False))
    mail["From"] = Address("SyncHealth", addr_spec=options.sender)
    mail["To"] = [Address(addr_spec=each) for each in options.recipients]
    mail["Subject"] = printable(subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{key}.{sender.channel}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def _page(notice: Notice) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in notice.facts)
    parts = [f"<h2>{escape(notice.status)}: {escape(notice.title)}</h2>", f"<p>{escape(notice.text)}</p>"]
    parts += [f"<table>{rows}</table>"] if rows else []
    parts += [f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in notice.lines)}</ul>"] if notice.lines else []
    parts += [f"<p>What to do: {escape(notice.remediation)}</p>"] if notice.remediation else []
    parts += [f"<p><em>{escape(notice.note)}</em></p>"] if notice.note else []
    parts += [f'<p><a href="{escape(url)}">{escape(name)}</a></p>' for name, url in notice.links]
    return f"<!doctype html><html><body>{''.join(parts)}</body></html>\n"


def _refusal(who: str, reply: tuple[int, bytes | str]) -> Exception:
    """4xx of SMTP is for now, 5xx for good (RFC 5321, section 4.2.1)."""
    code, text = reply
    message_text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    message = f"{who} refused: {code} {printable(message_text[:200])}"
    return RefusedNoticeError(message) if 500 <= code < 600 else RetriableError(message)


def _reason(error: BaseException) -> str:
    return printable(f"{type(error).__name__}: {error}"[:300])
