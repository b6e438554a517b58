"""The command line: errors are sentences, exit codes mean something, commands are listed without being imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from deploy.cli.main import cli


def synchealth(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_all_faults_of_a_configuration_are_told_at_once_with_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "bad.toml"
    config.write_text('[kafka]\npartitons = 3\n[metrics]\nport = 70000\n[[forest]]\nname = "x"\ntenant = "t"\n')
    done = synchealth("up", "--config", str(config))
    assert done.returncode == 2
    assert done.stdout == ""
    for word in ("kafka.partitons", "metrics.port", "forest.0.servers", "forest.0.bind_user"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_one_sentence() -> None:
    done = synchealth("check", "--config", "/nonexistent.toml")
    assert done.returncode == 2
    assert "/nonexistent.toml: cannot be read (No such file or directory)" in done.stderr


def test_an_unknown_command_is_a_usage_error() -> None:
    done = synchealth("sing")
    assert done.returncode == 2
    assert "No such command 'sing'" in done.stderr


def test_version_and_help_need_no_heavy_import() -> None:
    code = (
        "import sys\nfrom deploy.cli.main import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "print(sorted(set(sys.modules) & {'kafka', 'faust', 'ldap3', 'msal', 'aiohttp', 'rich.live'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.endswith("[]\n")
    assert synchealth("--version").stdout.startswith("synchealth, version ")


def test_every_command_explains_itself() -> None:
    context = cli.make_context("synchealth", ["--help"], resilient_parsing=True)
    names = cli.list_commands(context)
    assert {"demo", "up", "run", "topics", "check", "findings", "explain", "lab", "reevaluate"} <= set(names)
    for name in names:
        shown = CliRunner().invoke(cli, [name, "--help"])
        assert shown.exit_code == 0, shown.output
        assert len(shown.output.splitlines()) > 3
