"""A tenant's HTTP: to its Graph, its authority and the endpoint of the machine's own identity alone."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

import requests
from requests.auth import AuthBase

from streams.runtime.http_session import BoundedSession, require_place
from streams.runtime.place import Place, place_of
from streams.runtime.settings import TenantSettings

# Where msal finds the identity of a machine: the platform's endpoint, named in its environment, or Azure's own.
_IDENTITY_ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
_AZURE_IDENTITY = Place("http", "169.254.169.254", 80)


class BearerAuth(AuthBase):
    """The token, put on a request that goes to `place`, and on no other."""

    def __init__(self, token: str, place: Place) -> None:
        self._token = token
        self._place = place

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Raises RefusedRequestError."""
        require_place(request, [self._place])
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class TimedSession(BoundedSession):
    """A session of one tenant.

    places: where it may go; unset: the tenant's Graph and authority.
    """

    def __init__(self, tenant: TenantSettings, places: Collection[Place] | None = None) -> None:
        allowed = [graph_place(tenant), authority_place(tenant)] if places is None else places
        super().__init__(allowed, ca_file=tenant.ca_file, proxy=tenant.proxy)
        self._tenant = tenant

    def only(self, places: Collection[Place]) -> TimedSession:
        """Another session of the same tenant that may go to `places` alone."""
        return TimedSession(self._tenant, places)

    def _proxies(self, url: str) -> dict[str, str]:
        """A way for HTTPS alone: the endpoint of the machine's own identity hands out tokens in clear."""
        if self._tenant.managed_identity and place_of(url) in token_places(self._tenant):
            return {}
        return super()._proxies(url)


def graph_place(tenant: TenantSettings) -> Place:
    """Where the tenant's Graph is."""
    return place_of(tenant.graph_url)


def authority_place(tenant: TenantSettings) -> Place:
    """Where the tenant's tokens come from."""
    return place_of(tenant.authority)


def token_places(tenant: TenantSettings) -> list[Place]:
    """Where a token may be asked for: the authority, or the endpoint of the machine's own identity."""
    if not tenant.managed_identity:
        return [authority_place(tenant)]
    places = [_AZURE_IDENTITY]
    for name in _IDENTITY_ENDPOINTS:
        with suppress(ValueError):
            places.append(place_of(os.environ.get(name, "")))
    return places
