"""`synchealth desk token create|list|revoke`: machines at the desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Engine

from deploy.cli.terminal import answering, config_option, print_line
from sinks.desk import tokens
from sinks.history.database import open_database
from streams.contracts.errors import SyncHealthError
from streams.contracts.times import rfc3339
from streams.runtime.settings import load_settings
from streams.runtime.settings_path import find_settings

_DAY_S = 86400.0


@click.group(name="desk")
def desk() -> None:
    """Who may come to the desk (`synchealth run desk`)."""


@desk.group(name="token")
def token() -> None:
    """Tokens of machines: made once, shown once, kept as a hash beside the history."""


@token.command()
@click.argument("name")
@config_option
@click.option("--role", type=click.Choice(["viewer", "operator", "administrator"]), default="viewer", show_default=True)
@click.option("--group", "groups", multiple=True, help="Of [[desk.access.scope]]: what it may see. May be repeated.")
@click.option("--days", type=click.IntRange(1, 730), default=365, show_default=True, help="How long it holds.")
def create(name: str, config: Path | None, role: str, groups: tuple[str, ...], days: int) -> None:
    """Make a token for the machine NAME, and print it: nobody can be told it again."""
    with _history(config) as engine:
        click.echo(tokens.create(engine, name, role, groups, days * _DAY_S))


@token.command(name="list")
@config_option
def list_tokens(config: Path | None) -> None:
    """Which there are, and until when they hold."""
    with _history(config) as engine:
        for each in tokens.known(engine):
            groups = f" ({each['groups']})".replace("\n", ", ") if each["groups"] else ""
            print_line(f"{each['name']}: {each['role']}{groups} until {rfc3339(each['expires_ms'])[:10]}")


@token.command()
@click.argument("name")
@config_option
def revoke(name: str, config: Path | None) -> None:
    """End the token of NAME, at once."""
    with _history(config) as engine:
        if not tokens.revoke(engine, name):
            raise SyncHealthError(f"there is no token {name!r}: see `synchealth desk token list`")


@contextmanager
def _history(config: Path | None) -> Iterator[Engine]:
    settings = load_settings(find_settings(config))
    url = settings.history.url
    with answering():
        engine = open_database(url.get_secret_value() if url is not None else "", settings.streams.data_dir)
        try:
            yield engine
        finally:
            engine.dispose()
