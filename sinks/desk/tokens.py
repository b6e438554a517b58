"""Tokens of machines: made once, shown once, kept as a digest, ended by their date or by a person."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import Engine, RowMapping, delete, select
from sqlalchemy.exc import IntegrityError

from sinks.history.database import errors
from sinks.history.schema import token
from streams.contracts.errors import SyncHealthError
from streams.runtime.clock import now_ms

_PREFIX = "synchealth_"  # so that scanners for secrets know one
_LINE = "\n"


def create(engine: Engine, name: str, role: str, groups: Sequence[str], valid_s: float) -> str:
    """Create a token, and return its secret, of which only a digest is stored.

    Raises SyncHealthError where the name is taken.
    """
    made = f"{_PREFIX}{secrets.token_urlsafe(32)}"
    at_ms = now_ms()
    row = {
        "name": name, "digest": _digest(made), "role": role, "groups": _LINE.join(groups), "created_ms": at_ms,
        "expires_ms": at_ms + int(valid_s * 1000),
    }  # fmt: skip
    try:
        with engine.begin() as connection:
            connection.execute(token.insert(), [row])
    except IntegrityError:
        raise SyncHealthError(f"there is a token {name!r} already: revoke it first") from None
    return made


def find(engine: Engine, secret: str) -> tuple[str, str, list[str]] | None:
    """(name, role, groups) of a token that holds; None: there is none."""
    query = select(token).where(token.c.digest == _digest(secret), token.c.expires_ms > now_ms())
    with errors(), engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else (row["name"], row["role"], [each for each in row["groups"].split(_LINE) if each])


def known(engine: Engine) -> Sequence[RowMapping]:
    """Every token there is, without the digest."""
    columns = [token.c[name] for name in ("name", "role", "groups", "created_ms", "expires_ms")]
    with errors(), engine.connect() as connection:
        return connection.execute(select(*columns).order_by(token.c.name)).mappings().all()


def revoke(engine: Engine, name: str) -> bool:
    """End a token; whether there was one."""
    with errors(), engine.begin() as connection:
        return connection.execute(delete(token).where(token.c.name == name)).rowcount > 0


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
