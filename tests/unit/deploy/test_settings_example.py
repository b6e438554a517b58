"""The example file and the settings are one list: no key in one that is not in the other, and the same defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from streams.runtime.settings import Settings

EXAMPLE = Path(__file__).parents[3] / "deploy" / "settings.example.toml"
_COMMENTED = re.compile(r"^# (?=[a-z_]+ = |\[\[[a-z.]+\]\]$)", re.MULTILINE)


def example(*, whole: bool) -> dict[str, Any]:
    """The example's document; `whole`: with every key that is commented out."""
    text = EXAMPLE.read_text()
    return tomllib.loads(_COMMENTED.sub("", text) if whole else text)


def sections() -> list[tuple[str, type[BaseModel]]]:
    found = []
    for name, field in Settings.model_fields.items():
        inner = get_args(field.annotation)
        found.append((name, inner[0] if inner else field.annotation))
    return found


@pytest.mark.parametrize(("name", "section"), sections())
def test_every_setting_is_documented_and_nothing_else(name: str, section: type[BaseModel]) -> None:
    value = example(whole=True)[name]
    documented = value[0] if isinstance(value, list) else value
    assert set(documented) == set(section.model_fields)


@pytest.mark.parametrize(("name", "section"), sections())
def test_what_the_example_shows_as_default_is_the_default(name: str, section: type[BaseModel]) -> None:
    if name in ("forest", "tenant", "eventlog", "owner", "channel", "route"):
        return  # their active keys are examples
    active = example(whole=False)[name]
    shown = section.model_validate(active)
    assert shown == section()


def test_commented_numbers_flags_and_lists_of_forests_and_tenants_are_the_defaults() -> None:
    whole, active = example(whole=True), example(whole=False)
    for name, section in sections():
        if name not in ("forest", "tenant"):
            continue
        for key in set(whole[name][0]) - set(active[name][0]):
            value = whole[name][0][key]
            if isinstance(value, list) and any(isinstance(each, dict) for each in value):
                continue  # tables are examples
            if isinstance(value, bool | int | float | list):
                default = section.model_fields[key].default  # None: nothing is said
                assert value == ([] if default is None else default), f"[[{name}]] {key}"


def test_the_example_loads_once_its_secret_files_exist(tmp_path: Path) -> None:
    document = example(whole=False)
    for table, key in (("forest", "bind_password_file"), ("tenant", "client_secret_file")):
        secret = tmp_path / key
        secret.write_text("a secret\n")
        document[table][0][key] = str(secret)
    settings = Settings.model_validate(document)
    assert settings.forest[0].tenant == settings.tenant[0].id
