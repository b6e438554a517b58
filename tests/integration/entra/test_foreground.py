"""`python -m deploy.lab.entra` says how to reach it, serves, and stops when asked."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import requests


def test_it_serves_made_up_objects_until_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.lab.entra", "--objects", "20", "--directory", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        says: dict[str, str] = {}
        for line in process.stdout:
            name, _, value = line.strip().partition(" ")
            says[name] = value.strip()
            if name == "objects":
                break
        with requests.Session() as http:
            http.trust_env, http.verify = False, says["ca_file"]
            form = {
                "client_id": says["client_id"],
                "client_secret": says["client_secret"],
                "grant_type": "client_credentials",
                "scope": f"{says['graph_url']}/.default",
            }
            token = http.post(f"{says['authority']}/oauth2/v2.0/token", data=form, timeout=120).json()
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            users = http.get(f"{says['graph_url']}/v1.0/users?$top=999", headers=headers, timeout=120).json()
            assert len(users["value"]) == 16
            assert http.delete(f"{says['graph_url']}/lab/admin/faults", timeout=120).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def test_help_names_every_option() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "deploy.lab.entra", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for option in ("--objects", "--host", "--port", "--directory", "--seed", "--throttling-scale", "--admin"):
        assert option in shown
