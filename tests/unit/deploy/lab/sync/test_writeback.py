"""Password writeback: what each outcome changes, and what server and audit log say of it (domain.md 4)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from deploy.lab.sync.writeback import LabTarget, PasswordWriteback, TargetRefusalError
from deploy.lab.sync.writeback_audit import PROGRESS, WritebackUser
from deploy.lab.sync.writeback_outcomes import REFUSALS, Operation, Outcome
from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.events import Event, Result

RESET = Operation.RESET


class Desk:
    """A user who resets her password, and where to look."""

    def __init__(self, world) -> None:
        self.world = world
        self.guid = uuid.UUID(world.user("ada", lockoutTime="133000000000000000", pwdLastSet="133000000000000000"))
        world.engine.cycle()
        world.engine.log.documents.clear()
        self.writeback = PasswordWriteback(world.engine, LabTarget([world.ad]))
        self.ada = self.writeback.user_of(world.ad, self.guid)

    def ad(self, attribute: str) -> str | None:
        return self.world.ad.get(self.guid).first(attribute)

    @property
    def ids(self) -> list[int]:
        return self.world.engine.log.ids()

    @property
    def events(self) -> list[Event]:
        return [event for one in self.world.engine.log.documents for event in winlogbeat_events(one, "contoso", 0)]

    def rows(self, activity: str) -> list[tuple[str, str]]:
        return [(row["result"], row["resultReason"]) for row in self.world.audits(activity)]

    @property
    def changed(self) -> bool:
        return self.ad("pwdLastSet") != "133000000000000000"


@pytest.fixture
def desk(world) -> Desk:
    return Desk(world)


def test_a_success_changes_ad_and_leaves_one_correlated_sequence(desk) -> None:
    correlation = desk.writeback.reset(desk.ada)
    assert desk.changed
    assert desk.ids == [31001, 31002]
    rows = desk.world.audits()
    assert [row["activityDisplayName"] for row in rows] == [PROGRESS, "Reset user password", RESET, PROGRESS]
    assert {row["correlationId"] for row in rows} == {correlation}
    assert rows[2]["additionalDetails"] == [{"key": "OnPremisesAgent", "value": "Microsoft Entra Connect"}]
    assert {row["targetResources"][0]["id"] for row in rows} == {desk.ada.entra_id}
    assert {event.details["tracking_id"] for event in desk.events} == {correlation}
    assert {event.user_principal_name for event in desk.events} == {desk.ada.user_principal_name}
    assert (desk.events[-1].entra_id, desk.events[-1].source_anchor) == (desk.ada.entra_id, desk.ada.anchor)


class Refusing(LabTarget):
    """A directory that refuses by itself, in its own words."""

    def change_password(self, user: WritebackUser, current: str, password: str) -> None:
        raise TargetRefusalError(Outcome.WRONG_PASSWORD, f"00000056: wrong for {user.display_name}.")


def test_what_the_directory_itself_refuses_is_told_in_the_words_of_the_engine(desk) -> None:
    writeback = PasswordWriteback(desk.world.engine, Refusing([desk.world.ad]))
    writeback.reset(desk.ada, operation=Operation.CHANGE, current="guessed-it", password="Chosen-Passw0rd!")
    assert not desk.changed
    assert desk.ids == [31006, 6329, 33007]
    assert desk.events[-1].details["message"] == REFUSALS[Outcome.WRONG_PASSWORD].message
    assert "wrong for" not in str(desk.world.engine.log.documents)
    assert desk.rows(Operation.CHANGE) == [("failure", REFUSALS[Outcome.WRONG_PASSWORD].reason)]
    assert not any(secret in str(desk.world.engine.log.documents) for secret in ("guessed-it", "Chosen-Passw0rd!"))


@pytest.mark.parametrize("outcome", sorted(REFUSALS))
def test_a_refusal_on_the_server_changes_nothing(desk, outcome: Outcome) -> None:
    desk.writeback.reset(desk.ada, outcome=outcome)
    refusal = REFUSALS[outcome]
    assert not desk.changed
    assert desk.rows(RESET) == [("failure", refusal.reason)]
    assert desk.ids == [31001, 6329, refusal.event_id]
    failure = desk.events[-1]
    assert failure.result is Result.FAILURE
    assert failure.details["error_code"] == str(refusal.event_id)
    assert failure.details["hresult"] == f"0x{refusal.hresult}"
    (trace,) = [one for one in desk.events if one.name == "adsync/6329"]
    assert trace.details["hresult"] == f"0x{refusal.hresult}"


def test_whom_the_engine_finds_in_no_scope_it_names(desk) -> None:
    desk.writeback.reset(desk.ada, outcome=Outcome.NOT_FOUND)
    (trace,) = [one for one in desk.events if one.name == "adsync/6329"]
    assert (trace.entra_id, trace.details["cause"]) == (desk.ada.entra_id, "password_scope")


def test_without_connection_the_server_knows_nothing(desk) -> None:
    desk.writeback.reset(desk.ada, outcome=Outcome.CONNECTIVITY)
    assert (desk.ids, desk.changed) == ([], False)
    assert desk.rows(RESET) == [("failure", "OnPremisesConnectivityError")]


def test_the_two_halves_can_part(desk) -> None:
    desk.writeback.reset(desk.ada, outcome=Outcome.CLOUD_ONLY)
    assert (desk.ids, desk.changed) == ([], False)
    assert desk.rows(RESET) == [("success", "Successfully completed reset.")]
    desk.writeback.reset(desk.ada, outcome=Outcome.AD_ONLY)
    assert desk.changed
    assert desk.rows(RESET)[-1] == ("success", "OnPremisesSuccessCloudFailure")


def test_a_late_operation_reaches_ad_on_delivery_only(desk) -> None:
    desk.writeback.reset(desk.ada, outcome=Outcome.LATE)
    assert not desk.changed
    assert desk.writeback.deliver() == 1
    assert desk.changed
    assert desk.ids == [31001, 31002]
    assert desk.writeback.deliver() == 0


def test_an_unlock_clears_the_lockout_and_leaves_the_password(desk) -> None:
    desk.writeback.reset(desk.ada, operation=Operation.UNLOCK)
    assert desk.ad("lockoutTime") == "0"
    assert not desk.changed
    assert desk.rows(Operation.UNLOCK) == [("success", "Successfully completed reset.")]


def test_an_administrator_is_the_initiator_of_his_resets(desk) -> None:
    desk.writeback.reset(desk.ada, operation=Operation.ADMIN_RESET, admin="helpdesk@contoso.com")
    assert desk.ids == [31009, 31010]
    (row,) = desk.world.audits(Operation.ADMIN_RESET)
    assert row["initiatedBy"]["user"]["userPrincipalName"] == "helpdesk@contoso.com"
    assert desk.world.audits(PROGRESS) == []


def test_a_stopped_or_disabled_service_fails_every_request(desk) -> None:
    desk.writeback.heartbeat()
    desk.writeback.stop()
    desk.writeback.heartbeat()
    desk.writeback.reset(desk.ada)
    desk.writeback.start()
    desk.writeback.set_enabled(False, by="admin@contoso.com")
    desk.writeback.reset(desk.ada)
    assert not desk.changed
    assert desk.ids == [31019, 31016, 31015, 31012, 31013]
    assert desk.rows(RESET) == [("failure", "OnPremisesConnectivityError"), ("failure", "WritebackNotEnabled")]
    (row,) = desk.world.audits("Disable password writeback for directory")
    assert row["category"] == "DirectoryManagement"
    assert row["initiatedBy"]["user"]["userPrincipalName"] == "admin@contoso.com"
    desk.writeback.set_enabled(True)
    (row,) = desk.world.audits("Enable password writeback for directory")
    assert row["initiatedBy"]["app"]["displayName"].startswith("ConnectSyncProvisioning_AADC01_")


def test_a_silent_service_sends_no_heartbeat_and_a_lost_listener_is_an_error(desk) -> None:
    desk.writeback.silent = True
    desk.writeback.heartbeat()
    desk.writeback.listener_error()
    assert desk.ids == [31034]


def test_no_password_is_in_any_row_or_event(world) -> None:
    passwords: list[str] = []

    class Recording:
        def set_password(self, user: WritebackUser, password: str) -> None:
            passwords.append(password)

        def unlock(self, user: WritebackUser) -> None: ...

    desk = Desk(world)
    writeback = PasswordWriteback(world.engine, Recording())
    for outcome in Outcome:
        writeback.reset(desk.ada, outcome=outcome)
    writeback.deliver()
    said: list[Any] = [*world.audits(), *world.engine.log.documents]
    assert len(passwords) == 3
    assert not [password for password in passwords if password in str(said)]


def test_a_reset_reaches_the_cloud_again_as_a_password_hash(desk) -> None:
    desk.writeback.reset(desk.ada)
    assert desk.world.engine.password_sync() == 1
    assert desk.ids == [31001, 31002, 656, 657]
