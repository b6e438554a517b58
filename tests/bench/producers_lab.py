"""The lab's Graph for tests.bench.producers: serves OBJECTS objects until it is killed, prints its address."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from deploy.lab.certificates import issue
from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.generate import fill
from deploy.lab.entra.server import EntraServer
from deploy.lab.entra.tenant import TenantStore
from tests.support.graph_lab import CLIENT_ID, ROLES, SECRET, TENANT


async def serve(objects: int, directory: Path) -> None:
    tenant = TenantStore(TENANT)
    tenant.register_app(AppRegistration(CLIENT_ID, ROLES, secrets={SECRET}))
    fill(tenant, objects)
    async with EntraServer([tenant], certificates=issue(directory, ["localhost", "127.0.0.1"])) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
