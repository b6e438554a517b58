"""A GraphSource over the lab's Graph without a network: a test decides when each call is answered, and when heard.

Between the two anything may happen, so an answer may be older than what others tell meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import requests

from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.dispatch import Dispatcher
from deploy.lab.entra.messages import Caller, Inbound
from deploy.lab.entra.service import GraphService
from deploy.lab.entra.tenant import TenantStore
from producers.graph.client import GraphClient
from producers.graph.collections import GROUPS, USERS, Collection
from producers.graph.source import GraphSource
from streams.contracts.facts import Fact
from streams.runtime.settings import TenantSettings
from tests.support.graph_lab import ROLES, TENANT, Clock, Saved

COLLECTIONS: tuple[Collection, ...] = (USERS, GROUPS)
POLL_S, DELETED_S, SWEEP_S = 10.0, 60.0, 600.0


class _AnyToken:
    """Takes any token, and hands one out."""

    def __init__(self, tenant: TenantStore) -> None:
        self._tenant = tenant

    def authenticate(self, header: str) -> tuple[TenantStore, Caller]:
        return self._tenant, Caller("client", ROLES | {"Group.Read.All"}, delegated=False)

    def token(self) -> str:
        return "token"

    def renew(self, token: str) -> None:
        """There is only one."""


class _Client(GraphClient):
    """Asks the lab's Graph by a call of a function. minimal: later items of delta hold what changed and no more."""

    def __init__(self, settings: TenantSettings, service: GraphService, tenant: TenantStore, *, minimal: bool) -> None:
        tokens = _AnyToken(tenant)
        super().__init__(settings, cast(Any, tokens))
        self._dispatcher = Dispatcher(service, cast(Any, tokens))
        self._minimal = minimal

    def _send(self, method: str, url: str, headers: Any, body: bytes | None, token: str) -> requests.Response:
        split = urlsplit(url)
        _, version, path = split.path.split("/", 2)
        sent = {name.lower(): value for name, value in headers.items()}
        if self._minimal and "deltatoken" in split.query:
            sent["prefer"] = "return=minimal"
        made = self._dispatcher.handle(
            Inbound(method, version, f"/{unquote(path)}", split.query, sent, body or b"", f"https://{split.netloc}")
        )
        answer = requests.Response()
        answer.status_code, answer._content = made.status, made.body
        answer.headers.update(made.headers)
        return answer


class _Calls:
    """The source's pool: a call is made when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.answered: list[tuple[Future[Any], Any, Exception | None]] = []

    def submit(self, fetch: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, fetch))
        return future

    def shutdown(self, **_: Any) -> None:
        """Nothing runs."""


class GraphInTurns:
    """The lab, the source, and what has come of it. facts: those in Kafka; saved: the checkpoints there."""

    def __init__(self, *, minimal: bool, objects_a_page: int = 3) -> None:
        self.tenant = TenantStore(TENANT)
        limits = PageLimits(objects=objects_a_page, members=3)
        self.service = GraphService({TENANT: self.tenant}, limits=limits)
        self.clock = Clock()
        self.facts: list[Fact] = []
        self._saved = Saved()
        self._settings = TenantSettings.model_validate({
            "id": TENANT, "authority": f"https://login/{TENANT}", "graph_url": "https://graph",
            "client_id": TENANT, "client_secret": "secret", "poll_interval_s": POLL_S, "deleted_interval_s": DELETED_S,
            "sweep_interval_s": SWEEP_S, "tenant_interval_s": 1e6,
        })  # fmt: skip
        self._client = _Client(self._settings, self.service, self.tenant, minimal=minimal)
        self._start()

    def _start(self) -> None:
        self._source = GraphSource(self._settings, self._client, COLLECTIONS, self.clock, logs=())
        self._source._pool.shutdown()
        self._calls = _Calls()
        self._source._pool = cast(Any, self._calls)
        self._source.restore(self._saved.parts())
        if self.facts:  # a real start takes longer than the clock's millisecond
            self._source._sequence.last = max(self._source._sequence.last, self.facts[-1].seq)
        self._source._send_due()

    def ask(self, which: int) -> None:
        """One of the waiting calls reaches Graph; its answer is on its way."""
        if not self._calls.waiting:
            return
        future, fetch = self._calls.waiting.pop(which % len(self._calls.waiting))
        try:
            self._calls.answered.append((future, fetch(), None))
        except Exception as error:  # whatever it is: it is the source's to take
            self._calls.answered.append((future, None, error))

    def hear(self, which: int, *, saves: bool = True) -> None:
        """One of the answers arrives. saves: its facts are in Kafka, and its checkpoints, too."""
        if not self._calls.answered:
            return
        future, result, error = self._calls.answered.pop(which % len(self._calls.answered))
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        batch = self._source.read()
        self.facts += batch.facts
        if saves:
            self._saved.save(batch.checkpoints)

    def ask_of(self, task: str) -> None:
        """The waiting call of one task reaches Graph."""
        self.ask([cast(Any, fetch).__self__.name for _, fetch in self._calls.waiting].index(task))

    def answer(self, task: str) -> None:
        """The waiting call of one task is made and heard."""
        self.ask_of(task)
        self.hear(-1)

    @property
    def in_round(self) -> bool:
        """Whether everything of a collection is being read."""
        return any(delta.ledger.in_round for delta in self._source._deltas)

    def kill(self) -> None:
        """The process ends before the checkpoints of the next answer are saved, and another one begins."""
        self.ask(0)
        self.hear(0, saves=False)
        self._start()

    def later(self, seconds: float) -> None:
        """So many seconds pass for the source."""
        self.clock.now += seconds
        self._source._send_due()

    def come_to_rest(self, seconds: float) -> None:
        """Nothing changes and nothing fails any more; every call is answered for so many seconds."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            for _ in range(10_000):
                if not self._calls.waiting and not self._calls.answered:
                    break
                self.ask(0)
                self.hear(0)
            else:
                raise AssertionError("the source does not come to rest")
            self.later(POLL_S)

    def linked(self) -> dict[str, set[str]]:
        """Object -> the far ends of its links, as they are; only of objects that have any."""
        members = {group: set(self.tenant.members.of(group)) for group in self.tenant.ids("group")}
        managers = {user: self.tenant.managers.of(user) for user in self.tenant.ids("user")}
        members |= {user: {manager} for user, manager in managers.items() if manager}
        return {name: ends for name, ends in members.items() if ends}


def alive(ends: dict[str, set[str]], objects: Sequence[str]) -> dict[str, set[str]]:
    """The same, with far ends among `objects` alone."""
    found = {name: far & set(objects) for name, far in ends.items()}
    return {name: far for name, far in found.items() if far}
