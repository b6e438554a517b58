"""A certificate that is not there is one line before the start, not a process that ends again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.lab.certificates import issue
from streams.contracts.errors import SettingsError
from streams.runtime.settings import Settings, load_settings
from streams.runtime.settings_files import require_files

FOREST = {"name": "corp", "tenant": "t1", "servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p"}


def settings(kafka: dict[str, Any], forest: dict[str, Any], tenant: dict[str, Any]) -> Settings:
    ways = {} if "certificate_file" in tenant else {"managed_identity": True}
    tables = {"forest": [FOREST | forest], "tenant": [{"id": "t1", "client_id": "a", **ways, **tenant}]}
    return Settings.model_validate({"kafka": kafka, **tables})


def faults(given: Settings, sources: list[str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        require_files(given, sources)
    return caught.value.faults


def test_every_file_that_is_missing_is_named_at_once_with_whose_it_is(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    given = settings(
        {"security_protocol": "SSL", "ca_file": gone, "certificate_file": gone, "key_file": gone},
        {"ca_file": gone},
        {"ca_file": gone, "certificate_file": gone, "private_key_file": gone},
    )
    said = faults(given)
    assert [fault.partition(f" {gone}")[0] for fault in said] == [
        "kafka: ca_file",
        "kafka: certificate_file",
        "kafka: key_file",
        "ad:corp: ca_file",
        "graph:t1: ca_file",
        "graph:t1: certificate_file",
        "graph:t1: private_key_file",
    ]
    assert all("(No such file or directory): check path and rights" in fault for fault in said)


def test_a_role_asks_for_its_own_files_and_kafkas_alone(tmp_path: Path) -> None:
    given = settings({}, {"ca_file": tmp_path / "gone"}, {"ca_file": tmp_path / "gone"})
    assert len(faults(given, ["ad:corp"])) == 1
    require_files(given, sources=())


def test_a_folder_and_a_file_without_a_certificate_are_no_authority(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a certificate")
    assert "Is a directory" in faults(settings({}, {"ca_file": tmp_path}, {}))[0]
    assert "no certificate in PEM form" in faults(settings({}, {"ca_file": tmp_path / "text"}, {}))[0]


def test_what_can_be_used_is_not_spoken_of(tmp_path: Path) -> None:
    file = issue(tmp_path / "tls", ["localhost"]).ca_file
    require_files(settings({"security_protocol": "SSL", "ca_file": file}, {"ca_file": file}, {"ca_file": file}))


def test_a_path_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "settings.toml").write_text('[metrics]\nweb_config_file = "~/web.yml"\n')
    assert load_settings(tmp_path / "settings.toml", {}).metrics.web_config_file == tmp_path / "web.yml"
