"""Which channels a finding goes to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sinks.notify.channels.registry import channels_of
from sinks.notify.routes import Routes, Way
from streams.contracts.errors import SettingsError
from streams.contracts.finding import Subject
from streams.runtime.settings import Settings
from tests.support.findings import FOREST, TENANT, finding
from tests.support.notify import DETECTIONS

CHANNELS = [{"name": name, "kind": "teams", "url": "https://x.example/hook"} for name in ("one", "two")]
OWNERS = [
    {"name": "staff", "ous": ["OU=Staff,DC=corp,DC=contoso,DC=local"]},
    {"name": "fabrikam", "domains": ["Fabrikam.com"]},
]


def routes(*tables: dict[str, Any]) -> Routes:
    filled = [{"channels": ["one"], **table} for table in tables]
    return Routes(Settings.model_validate({"channel": CHANNELS, "owner": OWNERS, "route": filled}), DETECTIONS)


@pytest.mark.parametrize(
    "match",
    [
        {}, {"family": ["conflict"]}, {"detection": ["conflict.duplicate_address"]}, {"severity": ["low", "high"]},
        {"tenant": [TENANT]}, {"forest": [FOREST]}, {"owner": ["staff"]},
        {"ous": ["ou=staff, dc=corp,dc=contoso,dc=local"]},
        {"ous": ["DC=corp,DC=contoso,DC=local"], "severity": ["high"]},
    ],
)  # fmt: skip
def test_a_route_that_fits(match: dict[str, Any]) -> None:
    assert routes(match).ways(finding()) == {"one": Way(at_once=True)}


@pytest.mark.parametrize(
    "match",
    [
        {"family": ["flow"]}, {"severity": ["low"]}, {"tenant": ["another"]}, {"forest": ["another"]},
        {"owner": ["fabrikam"]}, {"ous": ["OU=Sales,DC=corp,DC=contoso,DC=local"]},
        {"ous": ["OU=aff,DC=corp,DC=contoso,DC=local"]}, {"family": ["conflict"], "severity": ["low"]},
    ],
)  # fmt: skip
def test_a_route_that_does_not_fit(match: dict[str, Any]) -> None:
    assert routes(match).ways(finding()) == {}


def test_a_comma_in_a_name_makes_nobody_a_member_of_a_unit() -> None:
    name = r"CN=x\,OU=Sales,DC=corp,DC=contoso,DC=local"
    stranger = finding(subject=Subject(kind="user", key="k", distinguished_name=name), counterparts=[])
    assert routes({"ous": ["OU=Sales,DC=corp,DC=contoso,DC=local"]}).ways(stranger) == {}


def test_owners_by_domain() -> None:
    subject = Subject(kind="user", key="k", user_principal_name="a@b@FABRIKAM.com")
    assert routes().owners(msgspec.structs.replace(finding(), subject=subject, counterparts=[])) == ["fabrikam"]
    assert routes().owners(finding()) == ["staff"]


def test_the_most_immediate_route_counts_for_a_channel() -> None:
    found = routes({"deliver": "digest"}, {"deliver": "on_change", "channels": ["one", "two"]}, {"family": ["flow"]})
    assert found.ways(finding()) == {"one": Way(True, changes=True), "two": Way(True, changes=True)}
    assert found.digests() == {"one": 86400.0}


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        ({"famly": ["conflict"]}, "unknown"), ({"family": ["confict"]}, "did you mean conflict?"),
        ({"detection": ["conflict.duplicate_adress"]}, "did you mean conflict.duplicate_address?"),
        ({"severity": ["hi"]}, "critical"), ({"owner": ["stuff"]}, "no [[owner]] 'stuff'"),
        ({"channels": ["three"]}, "no [[channel]] 'three'"), ({"channels": []}, "at least 1"),
        ({"ous": ["Staff"]}, "distinguished name"), ({"deliver": "soon"}, "digest"),
    ],
)  # fmt: skip
def test_a_typing_error_is_an_error_that_says_what_to_do(table: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValueError if "family" not in table and "detection" not in table else SettingsError) as error:
        routes(table)
    if "famly" not in table:
        assert hint in str(error.value)


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        ({"kind": "team"}, "there is no 'team'"), ({"kind": "teams"}, "url or url_file is missing"),
        ({"kind": "teams", "url": "https://x.example/", "chanel": "a"}, "chanel: unknown key for this kind"),
        ({"kind": "teams", "url": "http://x.example/hook?sig=s3cret"}, "must be an https:// URL"),
        ({"kind": "teams", "url": "https://u:s3cret@x.example/hook"}, "is no plain URL"),
        ({"kind": "slack"}, "either url(_file)"), ({"kind": "slack", "token": "s3cret"}, "channel is missing"),
        ({"kind": "webhook", "url": "https://x.example/", "secret": "s3cret"}, "24 random bytes"),
        ({"kind": "email", "host": "mail", "sender": "a@example.com"}, "recipients: is missing"),
        ({"kind": "email", "host": "mail", "sender": "a@x.example\nBcc: b@x.example", "recipients": "b@x.example"},
         "is no address"),
        ({"kind": "email", "host": "mail", "sender": "a@x.example", "recipients": "b@x.example", "security": "none"},
         "for a relay on this machine"),
        ({"kind": "email", "host": "mail", "sender": "a@x.example", "recipients": "b@x.example", "password": "s3cret"},
         "go together"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_channel_is_said_and_no_secret_with_it(table: dict[str, Any], hint: str) -> None:
    settings = Settings.model_validate({"channel": [{"name": "here", **table}]})
    with pytest.raises(SettingsError) as error:
        channels_of(settings.channel, "synchealth", "1")
    assert hint in str(error.value)
    assert "channel.0 (here)" in str(error.value)
    assert "s3cret" not in str(error.value)
