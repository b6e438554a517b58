"""The configuration with which `synchealth up` watches the lab: an ordinary settings file, in TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.lab.services import LabServices


def write_settings(
    lab: LabServices, file: Path, *, event_topics: Sequence[str] = (), **sections: Mapping[str, Any]
) -> None:
    """Write a settings file for the lab; `sections` (kafka=…, streams=…, metrics=…) come first.

    event_topics: topics of the same Kafka into which the lab's server ships its event log (`lab.sync.winlogbeat`).

    Secrets stand in files beside it, readable by their owner only.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    tables = [_table(f"[{name}]", values) for name, values in sections.items()]
    tables += [_table("[[forest]]", forest) for forest in forest_tables(lab, file.parent)]
    tables.append(_table("[[tenant]]", tenant_table(lab, file.parent)))
    if event_topics:
        tables.append(_table("[[eventlog]]", event_log_table(lab, event_topics)))
    file.write_text("\n".join(tables))


def forest_tables(lab: LabServices, directory: Path) -> list[dict[str, Any]]:
    """The [[forest]] tables of the lab; passwords go into `directory`."""
    return [
        {
            "name": forest.name,
            "tenant": lab.organisation.tenant.tenant_id,
            "servers": [lab.directories[forest.name].ldaps_url],
            "bind_user": f"{forest.accounts.service}@{forest.name}",
            "bind_password_file": write_secret(directory, f"{forest.name}.password", forest.accounts.service_password),
            "ca_file": str(lab.certificates.ca_file),
            "include_ous": list(forest.scope.include),
            "hybrid_join": forest.hybrid_join,
            "device_writeback": forest.device_writeback,
            "forest_interval_s": 2.0,
            "poll_interval_s": 0.5,
        }
        for forest in lab.organisation.forests
    ]


def tenant_table(lab: LabServices, directory: Path) -> dict[str, Any]:
    """The [[tenant]] table of the lab; the client secret goes into `directory`."""
    organisation = lab.organisation
    return {
        "id": organisation.tenant.tenant_id,
        "authority": lab.entra.authority(organisation.tenant),
        "graph_url": lab.entra.url,
        "client_id": organisation.app.client_id,
        "client_secret_file": write_secret(directory, "graph.secret", organisation.client_secret),
        "ca_file": str(lab.certificates.ca_file),
        "poll_interval_s": 1.0,
        "sweep_interval_s": 30.0,
        "deleted_interval_s": 30.0,
        "tenant_interval_s": 3.0,
        "audit_interval_s": 2.0,
    }


def event_log_table(lab: LabServices, topics: Sequence[str]) -> dict[str, Any]:
    """The [[eventlog]] table of the lab's Connect server."""
    tenant = lab.organisation.tenant.tenant_id
    return {"name": "connect", "tenant": tenant, "format": "winlogbeat", "topics": list(topics)}


def write_secret(directory: Path, name: str, value: str) -> str:
    """Write a secret into a file that only its owner may read; return its path."""
    file = directory / name
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(value + "\n")
    return str(file)


def _table(header: str, values: Mapping[str, Any]) -> str:
    # A JSON string, number, boolean or list of strings is also a TOML value.
    return "\n".join(
        [header, *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()), ""]
    )
