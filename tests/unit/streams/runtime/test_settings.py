"""Settings: all faults at once, secrets kept, the environment on top."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts.errors import SettingsError
from streams.runtime.settings import load_settings

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
    assert "hunter2" not in repr(_load(tmp_path, GOOD))


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
        (GOOD.replace('bind_password = "hunter2-ad"', 'bind_password_file = "/nowhere/x"'), "cannot be read"),
        (GOOD + 'authority = "http://x"\n', "https://"),
        ("[kafka\n", "not valid TOML"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    assert word in str(caught.value)


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
