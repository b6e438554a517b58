"""A lab Entra in its own thread, and the ordinary clients that talk to it."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.lab.certificates import Certificates, issue
from deploy.lab.entra.__main__ import READER_ROLES
from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.faults import Fault, Faults
from deploy.lab.entra.http_tokens import ManagedIdentities
from deploy.lab.entra.server import EntraServer
from deploy.lab.entra.tenant import TenantStore
from tests.support.parts import missing_part

TENANT_ID = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
CLIENT_ID = "2c7e9a10-4b3d-4f68-8d21-a5c0e7b9f314"
SECRET = "lab-secret"  # opens nothing outside this test
ADMIN_SECRET = "lab-admin-secret"
START_MS = 1_772_442_000_000


class Lab:
    """One server with one tenant, one application and a lab clock the test moves."""

    def __init__(self, certificates: Certificates, *, throttling_scale: float | None = None) -> None:
        self.now_ms = START_MS
        self.certificates = certificates
        self.tenant = TenantStore(TENANT_ID, clock=lambda: self.now_ms)
        self.app = AppRegistration(CLIENT_ID, READER_ROLES, secrets={SECRET})
        self.tenant.register_app(self.app)
        self.server = EntraServer(
            [self.tenant],
            certificates=certificates,
            throttling_scale=throttling_scale,
            limits=PageLimits(objects=4, members=5),
            admin_secret=ADMIN_SECRET,
            identities=ManagedIdentities("msi-header", {None: (self.tenant, self.app)}),
        )
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(certificates.ca_file)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-entra", daemon=True)

    @property
    def faults(self) -> Faults:
        """The faults of the server."""
        return self.server.faults

    @property
    def url(self) -> str:
        """The base address."""
        return self.server.url

    @property
    def authority(self) -> str:
        """The authority of the tenant."""
        return self.server.authority(self.tenant)

    def start(self) -> None:
        """Start the server in its thread."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(120)

    def stop(self) -> None:
        """Stop the server and its thread."""
        self.http.close()
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)
        self._loop.close()

    def fault(self, kind: Any, **fields: Any) -> int:
        """Put a fault in force."""
        return self.faults.add(Fault(kind, **fields))

    def token(self, **form: str) -> requests.Response:
        """Ask for a token with the secret, some fields replaced."""
        wanted = {
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default",
            **form,
        }
        return self.http.post(f"{self.authority}/oauth2/v2.0/token", data=wanted, timeout=120)

    def headers(self, **more: str) -> dict[str, str]:
        """Return the headers of an authorized call."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token().json()['access_token']}", **named}

    def get(self, path: str, **headers: str) -> requests.Response:
        """GET a path below v1.0, or an absolute link, with a fresh token."""
        url = path if path.startswith("https://") else f"{self.url}/v1.0{path}"
        return self.http.get(url, headers=self.headers(**headers), timeout=120)

    def pages(self, path: str, **headers: str) -> tuple[list[dict[str, Any]], str]:
        """Follow nextLinks from `path`; return every item and the deltaLink (or '')."""
        items: list[dict[str, Any]] = []
        while True:
            response = self.get(path, **headers)
            assert response.status_code == 200, response.text
            body = response.json()
            assert len({"@odata.nextLink", "@odata.deltaLink"} & set(body)) <= 1
            items += body["value"]
            if "@odata.nextLink" not in body:
                return items, body.get("@odata.deltaLink", "")
            path = body["@odata.nextLink"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The lab's CA and server certificate."""
    return issue(Path(tmp_path_factory.mktemp("certificates")), ["localhost", "127.0.0.1"])


@pytest.fixture
def lab(certificates: Certificates) -> Iterator[Lab]:
    """A started lab without throttling."""
    found = Lab(certificates)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def throttled_lab(certificates: Certificates) -> Iterator[Lab]:
    """A started lab with Graph's own limits."""
    found = Lab(certificates, throttling_scale=1.0)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def graph_sdk() -> None:
    """The official SDK: a skip without it on a laptop, a failure in CI."""
    if importlib.util.find_spec("msgraph") is not None:
        return
    command = "pip install 'synchealth[graph-sdk]'"
    missing_part(f"msgraph-sdk is missing: {command}")
