"""The dashboards of grafana/dashboards, with links to the desk of an installation."""

from __future__ import annotations

import json
from pathlib import Path

from grafana.links import DESK_URL

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"


def dashboards(desk_url: str) -> dict[str, str]:
    """File name -> contents. desk_url: where a browser finds the desk, without a slash at its end."""
    shipped, ours = json.dumps(DESK_URL), json.dumps(desk_url)
    return {path.name: path.read_text().replace(shipped, ours) for path in sorted(FOLDER.glob("*.json"))}
