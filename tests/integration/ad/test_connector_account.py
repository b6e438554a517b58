"""`synchealth check` says whether the account of Entra Connect may write source anchors, over a real Samba domain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.cli.check.access import writers_below
from deploy.cli.check.anchors import CONSISTENCY_GUID
from deploy.cli.check.forest import check_forest
from deploy.cli.check.line import Line, Mark
from tests.integration.ad.conftest import forest_of
from tests.support.samba import SambaDC, samba_dc

USERS = "bf967aba-0de6-11d0-a285-00aa003049e2"
DEPARTMENT = "bf96794f-0de6-11d0-a285-00aa003049e2"


@pytest.fixture(scope="module")
def samba() -> Iterator[SambaDC]:
    with samba_dc() as running:
        yield running


def _said(dc: SambaDC, account: str) -> Line:
    lines = [line for line in check_forest(forest_of(dc)) if account in line.what and "ConsistencyGuid" in line.what]
    assert len(lines) == 1, lines
    return lines[0]


def _grant(dc: SambaDC, sddl: str) -> None:
    dc._tool(
        "dsacl", "set", "-H", str(dc._sam), "-s", str(dc._smb_conf), "--action=allow",
        f"--objectdn={dc.base_dn}", f"--sddl={sddl}",
    )  # fmt: skip


def test_without_an_account_of_connect_nothing_is_said(samba: SambaDC) -> None:
    assert not any("ConsistencyGuid" in line.what for line in check_forest(forest_of(samba)))


def test_the_right_is_seen_where_it_was_granted_and_only_the_right_to_this_attribute_counts(samba: SambaDC) -> None:
    sid = samba.sid(samba.add_user("MSOL_0a1b2c3d4e5f"))
    line = _said(samba, "MSOL_0a1b2c3d4e5f")
    assert line.mark is Mark.GAP and "Set-ADSyncMsDsConsistencyGuidPermissions" in line.advice
    _grant(samba, f"(OA;CI;RPWP;{DEPARTMENT};{USERS};{sid})")
    _grant(samba, f"(OA;CI;RP;{CONSISTENCY_GUID};{USERS};{sid})")
    assert _said(samba, "MSOL_0a1b2c3d4e5f").mark is Mark.GAP, "another attribute, and reading alone"
    _grant(samba, f"(OA;CI;RPWP;{CONSISTENCY_GUID};{USERS};{sid})")
    assert _said(samba, "MSOL_0a1b2c3d4e5f").mark is Mark.GOOD


def test_a_right_by_way_of_a_group_counts(samba: SambaDC) -> None:
    member = samba.add_user("MSOL_ffffffffffff")
    group = f"CN=Anchor writers,CN=Users,{samba.base_dn}"
    samba.add(group, "group", {"sAMAccountName": "Anchor writers"})
    _grant(samba, f"(OA;CIIO;WP;;{USERS};{samba.sid(group)})")
    assert _said(samba, "MSOL_ffffffffffff").mark is Mark.GAP
    samba.add_values(group, "member", member)
    assert _said(samba, "MSOL_ffffffffffff").mark is Mark.GOOD


@pytest.mark.parametrize("descriptor", [b"", b"\x01\x00", b"\x01" * 30, bytes(16) + b"\xff\xff\x00\x00"])
def test_what_is_no_descriptor_is_refused(descriptor: bytes) -> None:
    with pytest.raises(ValueError, match="no security descriptor"):
        writers_below(descriptor, CONSISTENCY_GUID)
