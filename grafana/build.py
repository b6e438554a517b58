"""Writes dashboards/*.json: `python -m grafana.build`. Writes nothing while the checker finds fault with one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import conflicts, hybrid_join, names, overview, pipeline, sync_health, trends, writeback
from grafana.checker import faults

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = {
    "overview": overview.build,
    "conflicts": conflicts.build,
    "sync": sync_health.build,
    "hybrid-join": hybrid_join.build,
    "writeback": writeback.build,
    "trends": trends.build,
    "pipeline": pipeline.build,
    "names": names.build,
}


def dashboard_files() -> dict[str, str]:
    """File name -> contents, for every dashboard."""
    return {
        f"{name}.json": json.dumps(build(), cls=JSONEncoder, sort_keys=True, indent=2) + "\n"
        for name, build in DASHBOARDS.items()
    }


def main() -> None:
    """Write the files."""
    files = dashboard_files()
    wrong = [f"{name}: {fault}" for name, text in files.items() for fault in faults(json.loads(text))]
    if wrong:
        sys.exit("\n".join(wrong))
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
