"""Writes dashboards/*.json: `python -m grafana.build`."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import hybrid_join, overview, sync_health, writeback

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = {
    "overview": overview.build,
    "hybrid-join": hybrid_join.build,
    "sync": sync_health.build,
    "writeback": writeback.build,
}


def dashboard_files() -> dict[str, str]:
    """File name -> contents, for every dashboard."""
    return {
        f"{name}.json": json.dumps(build(), cls=JSONEncoder, sort_keys=True, indent=2) + "\n"
        for name, build in DASHBOARDS.items()
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in dashboard_files().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
