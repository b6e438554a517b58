"""Who asks, what they may see and do: decided before any handler runs.

A handler declares its role (`opt={"role": …}`). Without one, GET and HEAD need VIEWER, and other methods are refused.
What somebody may see is part of every query over episodes, whoever writes it: the engine adds it (sinks.history.scope).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from sqlalchemy import Engine

from sinks.desk import tokens
from sinks.history.scope import FindingsScope
from streams.contracts.actions import KnownBy
from streams.runtime.desk_settings import AccessSettings

PUBLIC = "public"
_LONGEST_HEADER, _MOST_GROUPS = 256, 200
Connected = ASGIConnection[Any, Any, Any, Any]


class Role(IntEnum):
    """Each may do what the ones before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a machine. scopes: None: everything; else what is in one of them."""

    name: str
    known_by: KnownBy
    role: Role
    scopes: tuple[FindingsScope, ...] | None = None


ANYBODY_HERE = Person("", "word", Role.ADMINISTRATOR)
"""At a desk without a login, which listens to this machine alone."""


class Access:
    """Decides by `settings`; `engine` knows the tokens."""

    def __init__(self, settings: AccessSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._proxies = {ipaddress.ip_address(each) for each in settings.proxies}

    def guard(self, connection: Connected, handler: BaseRouteHandler) -> None:
        """Let a request in, or not; who asks is `connection.scope["user"]` from now on.

        Raises NotAuthorizedException for strangers, PermissionDeniedException for whoever may not do this.
        """
        wanted = self.required(str(connection.scope.get("method", "")), handler)
        if wanted == PUBLIC:
            connection.scope["user"] = None
            return
        person = self.person(connection)
        if person is None:
            raise NotAuthorizedException("who are you? Come through the proxy that signs you in, or with a token")
        if not isinstance(wanted, Role) or person.role < wanted:
            raise PermissionDeniedException(f"{person.role.name.lower()}s may not do this")
        connection.scope["user"] = person

    @staticmethod
    def required(method: str, handler: BaseRouteHandler) -> object:
        """The role for it, PUBLIC, or None: nobody."""
        declared: object = handler.opt.get("role")
        if declared is None and method in {"GET", "HEAD"}:
            return Role.VIEWER
        return declared

    def person(self, connection: Connected) -> Person | None:
        """Who asks; None: nobody whom we know."""
        if not self._settings.is_required:
            return ANYBODY_HERE
        scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = tokens.find(self._engine, secret.strip()) if self._settings.tokens else None
            if found is None:
                return None
            name, role, groups = found
            return self._with_scope(name, "token", Role[role.upper()], groups)
        return self._by_proxy(connection)

    def _by_proxy(self, connection: Connected) -> Person | None:
        peer = connection.client
        try:
            trusted = peer is not None and ipaddress.ip_address(peer.host) in self._proxies
        except ValueError:
            trusted = False
        users = connection.headers.getall(self._settings.proxy_user_header, [])
        if not trusted or len(users) != 1 or not users[0].strip() or len(users[0]) > _LONGEST_HEADER:
            return None
        lines = connection.headers.getall(self._settings.proxy_groups_header, [])
        groups = [each.strip() for line in lines for each in line.split(",") if each.strip()][:_MOST_GROUPS]
        role = self.role_of(groups)
        if role is None:
            raise PermissionDeniedException("none of your groups has a role here")
        return self._with_scope(users[0].strip(), "proxy", role, groups)

    def role_of(self, groups: Collection[str]) -> Role | None:
        """The highest role that one of these groups has."""
        settings = self._settings
        named = (
            (Role.ADMINISTRATOR, settings.administrators),
            (Role.OPERATOR, settings.operators),
            (Role.VIEWER, settings.viewers),
        )
        return next((role for role, with_it in named if not set(with_it).isdisjoint(groups)), None)

    def _with_scope(self, name: str, known_by: KnownBy, role: Role, groups: Collection[str]) -> Person:
        if role is Role.ADMINISTRATOR or not self._settings.scope:
            return Person(name, known_by, role)
        scopes = tuple(
            FindingsScope(tuple(each.tenants), tuple(each.forests), tuple(unit.lower() for unit in each.units))
            for each in self._settings.scope
            if not set(each.groups).isdisjoint(groups)
        )
        return Person(name, known_by, role, scopes)
