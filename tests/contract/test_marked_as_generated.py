"""Reviewers see which files a program wrote: `.gitattributes` marks them."""

from __future__ import annotations

from fnmatch import fnmatch

from deploy.alertmanager.build import FILE as ROUTES
from deploy.generate.catalogue import FILE as CATALOGUE
from deploy.generate.licences import TABLE
from deploy.generate.lock import DEVELOPMENT, LAB, PRODUCTION, ROOT
from deploy.prometheus.build import FOLDER as RULES
from deploy.prometheus.build import rule_files
from grafana.build import FOLDER as DASHBOARDS
from grafana.build import dashboard_files


def test_every_generated_file_is_marked_for_reviewers() -> None:
    written = [ROUTES, CATALOGUE, TABLE, *(ROOT / name for name in (PRODUCTION, LAB, DEVELOPMENT))]
    written += [RULES / name for name in rule_files()] + [DASHBOARDS / name for name in dashboard_files()]
    lines = (ROOT / ".gitattributes").read_text().splitlines()
    marked = [line.split()[0] for line in lines if line.endswith("linguist-generated")]
    names = [path.relative_to(ROOT).as_posix() for path in written]
    assert [name for name in names if not any(fnmatch(name, pattern) for pattern in marked)] == []
