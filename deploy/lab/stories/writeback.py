"""The writeback story: passwords that do not reach Active Directory, in every way that has a finding of its own.

Source of the faults: Microsoft, "Troubleshoot self-service password reset writeback in Microsoft Entra ID".
"""

from __future__ import annotations

from functools import partial

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.cast import Cast, Person
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.writeback_outcomes import Operation, Outcome

# What else can befall a user, one each: the step, the outcome, and how it is told.
_MORE = (
    ("protected", Outcome.PROTECTED, "{name} is an administrator in AD: the connector account has no say"),
    ("not found", Outcome.NOT_FOUND, "AD does not find {name}"),
    ("several", Outcome.SEVERAL, "{name}'s anchor is found twice in AD"),
    ("configuration", Outcome.CONFIGURATION, "Nobody has enabled password management for {name}'s forest"),
    ("disabled", Outcome.DISABLED, "{name}'s account is disabled in AD"),
    ("locked", Outcome.LOCKED, "{name}'s account is locked in AD"),
    ("wrong password", Outcome.WRONG_PASSWORD, "{name} mistypes the current password"),
)
# 2026-03-02 in 100 ns since 1601: everybody's password is older than the story.
_LAST_SPRING = "134168832000000000"


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`; every fault happens to a user of its own."""
    desk = _Desk(lab)
    return Story(
        name="writeback",
        summary="Passwords reset in the cloud do not reach Active Directory; the desk and the administrators help",
        steps=[
            *desk.users_fail(),
            *desk.more_users_fail(),
            *desk.users_are_helped(),
            *desk.service_fails(),
            *desk.feature_is_off(),
        ],
    )


class _Desk:
    """The users of the story, and the service that should carry their passwords."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab, self._writeback = lab, lab.writeback
        cast = Cast(lab)
        self._policy, self._right, self._late, self._split, self._cut_off, self._off = (cast.person() for _ in range(6))
        self._more = {name: cast.person() for name, _, _ in _MORE}
        ours = (self._policy, self._right, self._late, self._split, self._cut_off, self._off)
        for person in (*ours, *self._more.values()):
            person.write(pwdLastSet=_LAST_SPRING)
        self._more["protected"].write(adminCount="1")
        self._admin = f"helpdesk@{cast.main.layout.domain}"

    def users_fail(self) -> list[Step]:
        """What goes wrong for one user each."""
        return [
            Step(
                name="policy", at_min=0, told=f"{self._policy.name} chooses a password that AD's policy forbids",
                act=lambda: self._reset(self._policy, Outcome.POLICY),
                opens=[self._user("password_writeback_failed", self._policy)],
            ),
            Step(
                name="right", at_min=2, told=f"The connector account may not reset {self._right.name}'s password",
                act=lambda: self._reset(self._right, Outcome.PERMISSION, Operation.CHANGE),
                opens=[self._user("password_writeback_failed", self._right)],
            ),
            Step(
                name="late", at_min=4, told=f"The help desk resets {self._late.name}'s password: AD never hears of it",
                act=lambda: self._reset(self._late, Outcome.LATE, Operation.ADMIN_RESET),
                opens=[self._user("password_writeback_unconfirmed", self._late)],
            ),
            Step(
                name="split", at_min=6, told=f"AD takes {self._split.name}'s new password, the cloud does not",
                act=self._split_brain, opens=[self._user("password_split_brain", self._split)],
            ),
        ]  # fmt: skip

    def more_users_fail(self) -> list[Step]:
        """The same finding, in every other class that it has."""
        return [
            Step(
                name=name, at_min=7 + number, told=told.format(name=self._more[name].name),
                act=partial(self._reset, self._more[name], outcome, self._asked_for(outcome)),
                opens=[self._user("password_writeback_failed", self._more[name])],
            )
            for number, (name, outcome, told) in enumerate(_MORE)
        ]  # fmt: skip

    def users_are_helped(self) -> list[Step]:
        """How each of them gets a password that works everywhere."""
        return [
            Step(
                name="a better password", at_min=16, told=f"{self._policy.name} chooses a longer one",
                act=lambda: self._reset(self._policy), repairs=["policy"],
            ),
            Step(
                name="the right granted", at_min=18, told=f"The right is granted; {self._right.name} tries again",
                act=lambda: self._reset(self._right, operation=Operation.CHANGE), repairs=["right"],
            ),
            Step(
                name="the others helped", at_min=19, told="The desk repairs what refused the others; they try again",
                act=self._help, repairs=list(self._more),
            ),
            Step(
                name="delivered", at_min=20, told="What waited in the cloud arrives; password hashes follow again",
                act=self._deliver, repairs=["late", "split"],
            ),
        ]  # fmt: skip

    def service_fails(self) -> list[Step]:
        """A firewall between the server and the cloud."""
        return [
            Step(
                name="cut off", at_min=24, told=f"The server's heartbeats stop; {self._cut_off.name} cannot reset",
                act=self._cut,
                opens=[
                    self._user("password_writeback_failed", self._cut_off),
                    Expectation("writeback.writeback_service_down", f"server/{self._tenant}/{self._server}"),
                ],
            ),
            Step(
                name="connected again", at_min=70, told="The firewall lets the server through again",
                act=self._connect, repairs=["cut off"],
            ),
        ]  # fmt: skip

    def feature_is_off(self) -> list[Step]:
        """Somebody tidies up."""
        return [
            Step(
                name="switched off", at_min=80, told=f"{self._admin} switches password writeback off",
                act=self._switch_off,
                opens=[
                    Expectation("writeback.password_writeback_disabled", f"tenant/{self._tenant}"),
                    self._user("password_writeback_failed", self._off),
                ],
            ),
            Step(
                name="switched on", at_min=90, told=f"It is switched on again, and {self._off.name} tries again",
                act=self._switch_on, repairs=["switched off"],
            ),
        ]  # fmt: skip

    @property
    def _tenant(self) -> str:
        return self._lab.tenant.tenant_id

    @property
    def _server(self) -> str:
        return self._lab.engine.server.lower()

    def _reset(
        self, person: Person, outcome: Outcome = Outcome.SUCCESS, operation: Operation = Operation.RESET
    ) -> None:
        user = self._writeback.user_of(person.store, person.guid)
        admin = self._admin if operation is Operation.ADMIN_RESET else None
        self._writeback.reset(user, outcome=outcome, operation=operation, admin=admin)

    @staticmethod
    def _asked_for(outcome: Outcome) -> Operation:
        """Only who changes a password has to know the current one."""
        return Operation.CHANGE if outcome is Outcome.WRONG_PASSWORD else Operation.RESET

    def _help(self) -> None:
        self._more["protected"].write(adminCount=None)
        for person in self._more.values():
            self._reset(person)

    def _split_brain(self) -> None:
        self._hashes(dead=True)  # or they would mend it within two minutes
        self._reset(self._split, Outcome.AD_ONLY)

    def _deliver(self) -> None:
        self._writeback.deliver()
        self._hashes(dead=False)

    def _hashes(self, *, dead: bool) -> None:
        if self._lab.engine.passwords is not None:
            self._lab.engine.passwords.dead = dead

    def _cut(self) -> None:
        self._writeback.silent = True
        self._reset(self._cut_off, Outcome.CONNECTIVITY)

    def _connect(self) -> None:
        self._writeback.silent = False
        self._writeback.heartbeat()
        self._reset(self._cut_off)

    def _switch_off(self) -> None:
        self._writeback.set_enabled(False, by=self._admin)
        self._reset(self._off)

    def _switch_on(self) -> None:
        self._writeback.set_enabled(True, by=self._admin)
        self._reset(self._off)

    def _user(self, detection: str, person: Person) -> Expectation:
        anchor = self._writeback.user_of(person.store, person.guid).anchor
        return Expectation(f"writeback.{detection}", f"user/{self._tenant}/{anchor}")
