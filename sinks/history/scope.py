"""What of the history somebody may see, as part of every query over it, whoever writes the query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Join,
    Select,
    Subquery,
    and_,
    event,
    false,
    func,
    or_,
)

from sinks.history.schema import daily, episode

_SCOPE = "synchealth_scope"


@dataclass(frozen=True, slots=True)
class FindingsScope:
    """What of all findings; an empty tuple: any. units: DNs, in lower case, with all that is below them."""

    tenants: tuple[str, ...] = ()
    forests: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


def narrowed(engine: Engine, scopes: Sequence[FindingsScope] | None) -> Engine:
    """An engine whose every query over episodes, or their daily numbers, sees what is in one of `scopes`; None: all."""
    return engine if scopes is None else engine.execution_options(**{_SCOPE: tuple(scopes)})


def keep_scopes(engine: Engine) -> None:
    """Make `narrowed` hold on this engine."""
    event.listen(engine, "before_execute", _before, retval=True)


def within(connection: Connection, query: Select[Any]) -> Select[Any]:
    """A query that another one selects from, narrowed; whoever selects from one that is not gets an error."""
    scopes: Sequence[FindingsScope] | None = connection.get_execution_options().get(_SCOPE)
    return query if scopes is None else _narrow(query, scopes).execution_options(**{_SCOPE: scopes})


def _before(connection: Connection, clause: Any, multiparams: Any, params: Any, options: Any) -> tuple[Any, Any, Any]:
    scopes: Sequence[FindingsScope] | None = connection.get_execution_options().get(_SCOPE)
    if scopes is not None and isinstance(clause, Select):
        clause = _narrow(clause, scopes)
    return clause, multiparams, params


def _narrow(query: Select[Any], scopes: Sequence[FindingsScope]) -> Select[Any]:
    for table in [each for found in query.get_final_froms() for each in _tables(found)]:
        inner: Any = getattr(table, "element", table)
        if isinstance(table, Subquery | CTE):
            if inner.get_execution_options().get(_SCOPE) != scopes:
                raise NotImplementedError("a query within a query is not narrowed: see sinks.history.scope.within")
        elif inner in (episode, daily):
            query = query.where(or_(false(), *(_inside(scope, table.c) for scope in scopes)))
    return query


def _tables(clause: FromClause) -> Iterable[FromClause]:
    if isinstance(clause, Join):
        yield from _tables(clause.left)
        yield from _tables(clause.right)
    else:
        yield clause


def _inside(scope: FindingsScope, columns: Any) -> ColumnElement[bool]:
    asked: list[ColumnElement[bool]] = []
    if scope.tenants:
        asked.append(columns.tenant.in_(scope.tenants))
    if scope.forests:
        asked.append(columns.forest.in_(scope.forests))
    if scope.units:
        unit = func.lower(columns.unit)
        below = [unit.endswith(f",{each}", autoescape=True) for each in scope.units]
        asked.append(or_(unit.in_(scope.units), *below))
    return and_(*asked) if asked else ~false()
