"""The database of the history: SQLite in a file of ours, or PostgreSQL by URL, with the tables of this version."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from streams.contracts.errors import FatalError, RetriableError, SettingsError

_BUSY_MS = 10_000
_LOCK = 7_304_113_001
"""Of PostgreSQL's advisory locks: two processes that start at once do not both migrate."""


def open_database(url: str, data_dir: Path) -> Engine:
    """The engine, with its tables as this version needs them.

    url: SQLAlchemy's form (`postgresql://user:password@host/name`); "": `history.sqlite` in `data_dir`.
    Raises SettingsError for a URL that is none, RetriableError where the database does not answer, FatalError where it
    refuses us or belongs to a later version.
    """
    engine = _engine(url, data_dir)
    with errors(), _alone(engine):
        _upgrade(engine)
    return engine


def _engine(url: str, data_dir: Path) -> Engine:
    if not url:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data_dir / "history.sqlite"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        url = f"sqlite:///{path}"
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise SettingsError([f"[history] url: {parsed.get_backend_name()} is neither sqlite nor postgresql"])
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql", hide_parameters=True)
    except ModuleNotFoundError as error:
        hint = "[history] url: PostgreSQL needs its driver: pip install 'synchealth[postgresql]'"
        raise SettingsError([hint]) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SettingsError(["[history] url is no database URL, as in postgresql://user:password@host/name"]) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Write-ahead log: readers never wait. NORMAL: a power cut may cost the last transactions, offsets included.

    Source: https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}").close()


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Processes that start at once migrate one after the other. PostgreSQL has a lock of its own for that."""
    file = engine.url.database
    if engine.dialect.name != "sqlite" or not file or file == ":memory:":
        yield
        return
    with Path(f"{file}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "sinks.history:migrations")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        script = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        try:
            if current is not None:
                script.get_revision(current)
        except CommandError:
            raise FatalError(
                f"the history was written by a later version (schema {current}); install that version, or set "
                "[history] url to another database"
            ) from None
        if current != script.get_current_head():
            alembic.command.upgrade(config, "head")


@contextmanager
def errors() -> Iterator[None]:
    """The errors of the database as ours, without the parameters of the statement."""
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        raise RetriableError(f"the history cannot be reached: {reason}") from error
    except DBAPIError as error:
        raise FatalError(f"the history refuses us ({type(error.orig).__name__}): {error.orig}") from error


def is_postgresql(connection: Connection) -> bool:
    """Where the dialects differ."""
    return connection.dialect.name == "postgresql"


def forget_names(connection: Connection, episodes: Iterable[int]) -> None:
    """Take the names of some episodes out of the search."""
    statement = (
        "DELETE FROM names WHERE episode = :episode"
        if is_postgresql(connection)
        else "DELETE FROM names WHERE rowid = :episode"
    )
    connection.execute(text(statement), [{"episode": each} for each in episodes])
