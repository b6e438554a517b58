"""The tenant story: what its administrators, its servers and its limits do to synchronisation as a whole.

Sources: Microsoft, "Microsoft Entra Connect: Staging server and disaster recovery"; "Troubleshoot password hash
synchronization" (601, 609, 657); "Microsoft Entra seamless single sign-on: FAQ" (a new key every 30 days); "Microsoft
Entra audit log activity reference".
"""

from __future__ import annotations

import secrets

from deploy.lab.events import DIRECTORY_SYNCHRONIZATION
from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.administration import audited
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.cloud_sync import CloudSync
from streams.contracts.identity import immutable_id_of_bytes

_SECOND_SERVER = "AADC02"
_OLD, _REFUSED = "2.5.3.0", "Synchronization.Read.All"
_NEW_DOMAIN = "contoso-labs.example"
_KEY_AGE_S = 40 * 86_400
_EPOCH_OFFSET_S = 11_644_473_600


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`."""
    operations = _Operations(lab)
    steps = [*operations.neglect(), *operations.settings(), *operations.passwords(), *operations.servers()]
    return Story(
        name="tenant",
        summary="Neglected upkeep, changed settings, dead password sync and another server",
        steps=sorted(steps, key=lambda step: step.at_min),
    )


class _Operations:
    """Those who run the tenant."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._tenant, self._engine = lab.tenant, lab.engine
        self._cast = cast = Cast(lab)
        self._cloud_sync = CloudSync(lab.tenant, lab.forests[1].name)
        self._job = self._cloud_sync.add("AD2AADProvisioning")
        self._cloud_sync.ran(self._job)
        self._movers = [cast.person() for _ in range(4)]
        self._person = cast.person()
        self._key = cast.main.store.add(
            f"CN=AZUREADSSOACC,{cast.main.layout.service_ou}",
            {
                "objectClass": "computer", "sAMAccountName": "AZUREADSSOACC$", "userAccountControl": "4096",
                "pwdLastSet": self._filetime(0),
            },
        )  # fmt: skip
        self._version = self._tenant.profile.client_version
        self._titles = 0

    def neglect(self) -> list[Step]:
        """What nobody has looked after."""
        forest = self._cast.main.name
        return [
            Step(
                name="old version", at_min=0, told=f"The server is put back to Connect {_OLD}",
                act=lambda: self._run_version(_OLD), opens=[self._of_tenant("engine.connect_version_unsupported")],
            ),
            Step(
                name="job fails", at_min=1, told="A Cloud Sync job fails three times: its agent is cut off",
                act=lambda: self._fail(3), opens=[self._of_tenant("engine.cloud_sync_job_failing")],
            ),
            Step(
                name="old key", at_min=2, told="The key of seamless single sign-on is forty days old",
                act=lambda: self._roll(_KEY_AGE_S),
                opens=[
                    Expectation("engine.seamless_sso_key_stale", f"forest/{self._tenant.tenant_id}/{forest}")
                ],
            ),
            Step(
                name="upgraded", at_min=40, told="Connect is upgraded",
                act=lambda: self._run_version(self._version), repairs=["old version"],
            ),
            Step(
                name="job runs", at_min=41, told="The agent reaches its domain controllers again",
                act=lambda: self._cloud_sync.ran(self._job), repairs=["job fails"],
            ),
            Step(
                name="new key", at_min=42, told="The key is rolled over",
                act=lambda: self._roll(0), repairs=["old key"],
            ),
        ]  # fmt: skip

    def settings(self) -> list[Step]:
        """What somebody has changed."""
        return [
            Step(
                name="consent withdrawn", at_min=60, told="The right to read Cloud Sync jobs is taken from us",
                act=lambda: self._tenant.revoked.add(_REFUSED), opens=[self._of_tenant("engine.source_refused")],
            ),
            Step(
                name="feature", at_min=4, told="Somebody blocks soft matching",
                act=self._switch_feature,
                opens=[Expectation("engine.sync_feature_changed", self._view, outlives=True)],
            ),
            Step(
                name="domain", at_min=5, told=f"{_NEW_DOMAIN} is verified: two cycles of renaming are to be expected",
                act=self._verify_domain, opens=[self._of_tenant("engine.verified_domain_change")],
            ),
            Step(
                name="consent", at_min=75, told="We may read them again",
                act=lambda: self._tenant.revoked.discard(_REFUSED), repairs=["consent withdrawn"],
            ),
        ]  # fmt: skip

    def passwords(self) -> list[Step]:
        """Password hash synchronisation fails for one, then for all."""
        anchor = immutable_id_of_bytes(self._person.store.get(self._person.guid).raw("mS-DS-ConsistencyGuid")[0])
        server = f"server/{self._tenant.tenant_id}/{self._engine.server.lower()}"
        return [
            Step(
                name="hash refused", at_min=6, told=f"{self._person.name} changes the password; the cloud refuses it",
                act=self._change_password,
                opens=[Expectation("engine.password_hash_sync_failed", f"user/{self._tenant.tenant_id}/{anchor}")],
            ),
            Step(
                name="hash accepted", at_min=44, told="The next attempt succeeds",
                act=lambda: self._refuse_hash(refused=False), repairs=["hash refused"],
            ),
            Step(
                name="hashes stop", at_min=48, told="Password hash synchronisation stops (609)",
                act=lambda: self._stop_hashes(stopped=True),
                opens=[Expectation("engine.password_hash_sync_stopped", server)],
            ),
            Step(
                name="hashes go on", at_min=56, told="The ADSync service is restarted (601)",
                act=lambda: self._stop_hashes(stopped=False), repairs=["hashes stop"],
            ),
        ]  # fmt: skip

    def servers(self) -> list[Step]:
        """A planned change of the active server, and back."""
        return [
            Step(name="work", at_min=8, told="A few people change jobs", act=self._work),
            Step(
                name="takeover", at_min=50, told=f"{_SECOND_SERVER} leaves staging mode, and the other one enters it",
                act=lambda: self._activate(_SECOND_SERVER), opens=[self._of_tenant("engine.staging_takeover")],
            ),
            Step(
                name="taken back", at_min=100, told="The first server is active again",
                act=lambda: self._activate(self._engine.server), repairs=["takeover"],
            ),
        ]  # fmt: skip

    @property
    def _view(self) -> str:
        return f"tenant/{self._tenant.tenant_id}"

    def _of_tenant(self, detection: str) -> Expectation:
        return Expectation(detection, self._view)

    def _filetime(self, age_s: float) -> str:
        return str(int((self._cast.main.store.clock() - age_s + _EPOCH_OFFSET_S) * 10_000_000))

    def _run_version(self, version: str) -> None:
        self._tenant.profile.client_version = version

    def _fail(self, times: int) -> None:
        for _ in range(times):
            self._cloud_sync.failed(self._job)

    def _roll(self, age_s: float) -> None:
        self._cast.main.store.modify(self._key, {"pwdLastSet": self._filetime(age_s)})

    def _switch_feature(self) -> None:
        self._tenant.set_features(blockSoftMatchEnabled=True)
        audited(self._tenant, "Set DirSync feature", target={"id": self._tenant.tenant_id, "type": "Directory"})

    def _verify_domain(self) -> None:
        self._tenant.add_domain(_NEW_DOMAIN)
        audited(self._tenant, "Verify domain", target={"type": "Other", "displayName": _NEW_DOMAIN})

    def _refuse_hash(self, *, refused: bool) -> None:
        if self._engine.passwords is not None:
            fails = self._engine.passwords.fails
            (fails.add if refused else fails.discard)(str(self._person.guid))

    def _change_password(self) -> None:
        self._refuse_hash(refused=True)
        self._person.store.set_password(self._person.guid, secrets.token_urlsafe(18))

    def _stop_hashes(self, *, stopped: bool) -> None:
        if self._engine.passwords is not None:
            self._engine.passwords.dead = stopped
        event_id, level = (609, "error") if stopped else (601, "information")
        self._engine.log.write(DIRECTORY_SYNCHRONIZATION, event_id, level=level)

    def _work(self) -> None:
        self._titles += 1
        for person in self._movers:
            person.write(title=f"Adviser {self._titles}")

    def _activate(self, server: str) -> None:
        self._engine.tenant.audit.servers[:] = [server]
        self._work()
