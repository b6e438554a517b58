"""Settings: all faults at once, secrets kept, the environment on top."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.contracts.errors import SettingsError
from streams.runtime.section import FileSecret, open_to_others
from streams.runtime.settings import load_settings, require_secrets

GOOD = """
[kafka]
bootstrap_servers = "kafka1:9092, kafka2:9092"
[[forest]]
name = "corp.contoso.local"
tenant = "t1"
servers = ["ldaps://dc1.corp.contoso.local"]
bind_user = "svc@corp.contoso.local"
bind_password = "hunter2-ad"
[[tenant]]
id = "t1"
client_id = "app"
client_secret = "hunter2-graph"
"""


HALVES = [
    ('sasl_username = "u"', "sasl_username would not be used"),
    ('sasl_password = "hunter2"', "sasl_password would not be used"),
    ('sasl_password_file = "/nowhere/x"', "sasl_password would not be used"),
    ('sasl_mechanism = "PLAIN"', "sasl_mechanism would not be used"),
    ('ca_file = "/nowhere/ca"', "encrypts nothing"),
    ('certificate_file = "/nowhere/c"', "encrypts nothing"),
    ('security_protocol = "SSL"\nkey_file = "/nowhere/k"', "without certificate_file"),
    ('security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_password = "hunter2"', "needs sasl_mechanism"),
    ('security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nsasl_username = "u"', "needs sasl_mechanism"),
    ('security_protocol = "SSL"\nsasl_mechanism = "PLAIN"', "would not be used"),
]


def _load(tmp_path: Path, text: str, environment: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return load_settings(file, environment or {})


def test_defaults_are_safe(tmp_path: Path) -> None:
    settings = _load(tmp_path, GOOD)
    assert settings.kafka.bootstrap_servers == ["kafka1:9092", "kafka2:9092"]
    assert settings.metrics.host == "127.0.0.1"
    assert settings.tenant[0].authority == "https://login.microsoftonline.com/t1"
    assert settings.tenant[0].scope == "https://graph.microsoft.com/.default"


def test_secrets_do_not_show(tmp_path: Path) -> None:
    hooks = '[prometheus]\nurl = "http://u:hunter2@x"\npage_webhook = "https://chat/hunter2"\n'
    assert "hunter2" not in repr(_load(tmp_path, GOOD + hooks))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('"ldaps://dc1', '"http://dc1').replace("[kafka]", "[kafka]\npartitions = 0\ncolour = 1")
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text, {"SYNCHEALTH_FOREST__7__NAME": "x"})
    assert len(caught.value.faults) == 4
    told = str(caught.value)
    for word in ("kafka.partitions", "kafka.colour", "http://dc1", "SYNCHEALTH_FOREST__7__NAME"):
        assert word in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (GOOD.replace("ldaps://", "ldap://").replace("bind_user", "start_tls = false\nbind_user"), "in clear"),
        (GOOD.replace('client_secret = "hunter2-graph"', ""), "exactly one of"),
        (GOOD.replace('tenant = "t1"', 'tenant = "t2"'), "no [[tenant]]"),
        (GOOD + 'authority = "http://x"\n', "https://"),
        (GOOD + 'authority = "https://login.example\\\\@evil.example/t1"\n', "authority"),
        (GOOD + 'graph_url = "https://someone:hunter2@graph.example"\n', "graph_url"),
        (GOOD + 'proxy = "http://someone:hunter2@proxy:3128"\n', "proxy"),
        (GOOD + 'proxy = "someone:hunter2@proxy:3128"\n', "proxy"),
        (GOOD + 'proxy = "http://someone:hun/hunter2\\n?@proxy:3128"\n', "proxy"),
        (GOOD + 'authority = "https://login.example/t1?sig=hunter2"\n', "authority"),
        (GOOD.replace("ldaps://", "ldaps://someone:hunter2@"), "is not an ldap"),
        (GOOD.replace("ldaps://", "someone:hunter2@"), "is not an ldap"),
        (GOOD + '[metrics]\nhost = ""\n', "metrics.host"),  # would be every address of the machine
        *(
            (GOOD.replace("bind_user", f"{key} = {value}\nbind_user", 1), f"forest.0.{key}")
            for key in ("include_ous", "exclude_ous", "scope_groups", "cloud_sync_ous", "naming_contexts")
            for value in ('["corp.contoso.com/People"]', '["OU=People"]', '[""]', '["OU=A,DC=c;OU=B,DC=c"]', '"all"')
        ),
        (GOOD + "[streams]\ntick_interval_s = inf\n", "streams.tick_interval_s"),
        (GOOD.replace('"hunter2-graph"', '""'), "client_secret is empty"),
        *((GOOD.replace("[kafka]", f"[kafka]\n{half}"), word) for half, word in HALVES),
        ("[kafka\n", "not valid TOML"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    assert word in str(caught.value)
    assert "hunter2" not in everything(caught.value)


def test_environment_and_secret_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-file\n")
    text = GOOD.replace('client_secret = "hunter2-graph"', f'client_secret_file = "{secret}"')
    environment = {
        "SYNCHEALTH_METRICS__PORT": "9999",
        "SYNCHEALTH_FOREST__0__BIND_PASSWORD": "from-env",
        "SYNCHEALTH_DEBUG": "not ours: no section",
    }
    settings = _load(tmp_path, text, environment)
    assert settings.metrics.port == 9999
    assert settings.forest[0].bind_password.get_secret_value() == "from-env"
    assert settings.tenant[0].client_secret.get_secret_value() == "from-file"


def everything(error: BaseException | None) -> str:
    """What a traceback, or a tool that shows locals of exceptions, could print of it and of all behind it."""
    told = ""
    while error is not None:
        told += f"{error} {error.args!r} {vars(error)!r} {error!r}"
        if isinstance(error, ValidationError):
            told += repr(error.errors())
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace('"ldaps://dc1', '"http://dc1'),
        GOOD.replace('client_secret = "hunter2-graph"', 'client_secret = "hunter2-graph"\nclient_secret = "x"'),
        GOOD.replace('client_secret = "hunter2-graph"', 'client_secret = ["hunter2-graph"]'),
        GOOD.replace('client_secret = "hunter2-graph"', 'client_secret = "hunter2-graph'),
    ],
)
def test_no_error_and_nothing_behind_it_holds_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    assert "hunter2" not in everything(caught.value)


def test_a_role_that_needs_no_secret_never_looks_for_its_file(tmp_path: Path) -> None:
    text = GOOD.replace('bind_password = "hunter2-ad"', 'bind_password_file = "/nowhere/ad"')
    text = text.replace('client_secret = "hunter2-graph"', 'client_secret_file = "/nowhere/graph"')
    settings = _load(tmp_path, text)
    assert "nowhere" not in repr(settings.forest[0].bind_password)
    with pytest.raises(SettingsError) as caught:
        require_secrets(settings)
    assert len(caught.value.faults) == 2 and "/nowhere/ad cannot be read" in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        require_secrets(settings, ["graph:t1"])
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"\xef\xbb\xbfhunter2\n", "hunter2"),
        (b" hunter2 with blanks ", " hunter2 with blanks "),
    ],
)
def test_a_secret_file_is_one_line(tmp_path: Path, content: bytes, found: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    assert FileSecret(file, "bind_password").get_secret_value() == found


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"  \n", b"hunter2\n\n", b"hunter2\nmore", b"hunter2\rmore", b"hunter2\xff", b"hunter2\0"]
)
def test_anything_else_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        FileSecret(file, "bind_password").get_secret_value()
    assert "hunter2" not in everything(caught.value)


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_secret_that_others_may_read_is_told(tmp_path: Path, mode: int, told: bool) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2")
    file.chmod(mode)
    assert open_to_others(file) is told
