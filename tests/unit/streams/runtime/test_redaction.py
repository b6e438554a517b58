"""A secret in somebody else's text goes nowhere; what only speaks of passwords stays."""

from __future__ import annotations

import pytest

from producers.eventlog.text import clean
from streams.runtime.redaction import redacted

SECRET = "hunter2+abc/DEF-0123456789_~."


@pytest.mark.parametrize(
    "text",
    [
        "Password: {}", "password={}", "The new Password : '{}'", "pwd={};x=1", '{{"password":"{}"}}', "passwd = {}",
        "Kennwort: {}", "Kennwort (neu): {}", "Passwort: {}", "PASSWORT={}", "Mot de passe : {}", "Contraseña: {}",
        "wachtwoord: {}", "Passphrase: {}", "Password:\n  {}\nnext", "Kennwort:\r\n{}", "Password：{}",
        "<Password>{}</Password>", "<a:newPassword xmlns:a='x'>{}</a:newPassword>", '<Data Name="Password">{}</Data>',
        "<Data Name='ClientSecret'>{}</Data>", "<kennwort>\n{}\n</kennwort>",
        "Authorization: Bearer {}", "bearer {}", '"Authorization": "Basic {}"', "Negotiate {}",
        "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={};EntityPath=y", "AccountKey={}",
        "https://x/token?client_id=a&client_secret={}&scope=b", '{{"client_secret": "{}", "x": 1}}',
        "client-secret: {}", "clientSecret={}", "access_token={}", '"refresh_token":"{}"', "client_assertion={}",
        "https://x/y?sv=1&sig={}&se=2", "https://user:{}@host/path", "api_key: {}",
        "got eyJhbGciOiJub25lIn0.eyJzdWIiOiJodW50ZXIyIn0.{} back",
    ],
)  # fmt: skip
def test_no_spelling_lets_a_secret_through(text: str) -> None:
    secret = SECRET.replace("/", "").replace("+", "") if "@host" in text or "eyJ" in text else SECRET
    for found in (redacted(text.format(secret)), clean(text.format(secret))):
        assert "hunter2" not in found
        assert "***" in found


@pytest.mark.parametrize(
    "text",
    [
        "Password change failed: error 0x80230619", "The password of ada@contoso.com was reset",
        "<PasswordHashSync>on</a>",
        "Basic authentication is disabled", "Bearer of bad news", "https://graph.microsoft.com:443/v1.0/users",
        "SharedAccessKeyName=Root", "passwords must be 12 characters long", "token expired", "ADSync 6801: hr=80230619",
    ],
)  # fmt: skip
def test_what_only_speaks_of_them_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_rest_of_the_text_stays() -> None:
    assert redacted("https://x/t?client_secret=a&scope=b") == "https://x/t?client_secret=***&scope=b"
    assert redacted("Password: a\nServer: b") == "Password: ***\nServer: b"
    assert redacted("SharedAccessKey=a;EntityPath=b") == "SharedAccessKey=***;EntityPath=b"


@pytest.mark.parametrize("part", ["<", "password", "client_secret", " ", "pwd \t", '<a b="', "://a", "eyJ", "bearer "])
def test_no_text_is_slow(part: str) -> None:
    """By the number of characters, not of seconds: a pattern that went astray would not end within the test's limit."""
    redacted(part * (64_000 // len(part)))
