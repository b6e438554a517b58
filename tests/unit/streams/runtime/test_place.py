"""One reading of a URL: what two parsers could read differently has no place at all."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from streams.runtime.place import Place, place_of

GRAPH = Place("https", "graph.microsoft.com", 443)


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/v1.0/users?$select=id&$skiptoken=a%20b",
        "HTTPS://Graph.Microsoft.COM:443/v1.0/users/delta?$deltatoken=x_-~.!'()*",
        "https://graph.microsoft.com/v1.0/@x:y//z",
    ],
)
def test_a_plain_url_leads_where_it_says(url: str) -> None:
    assert place_of(url) == GRAPH


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\@graph.microsoft.com/",
        "https://evil.example/\\@graph.microsoft.com/",
        "https://graph.microsoft.com\\@evil.example/",
        "https://user@graph.microsoft.com/",
        "https://user:pass@graph.microsoft.com/",
        "https://graph.microsoft.com@evil.example/",
        "https:graph.microsoft.com/",
        "https:///graph.microsoft.com/",
        "https:\\\\graph.microsoft.com/",
        "//graph.microsoft.com/",
        " https://graph.microsoft.com/",
        "https://graph.microsoft.com/\n",
        "https://graph.microsoft.com\t.evil.example/",
        "https://graph.microsoft.com/\tv1.0",
        "ht\ntps://graph.microsoft.com/",
        "https://graph.microsoft.com /",
        "https://graph.microsoft.com?.evil.example/",
        "https://graph.microsoft.com#@evil.example/",
        "https://graph.microsoft.com/#@evil.example/",
        "https://graph.microsoft.com;evil.example/",
        "https://graph.microsoft.com./",
        "https://graph..microsoft.com/",
        "https://graph.microsoft%2ecom/",
        "https://%67raph.microsoft.com/",
        "https://graph.microsoft.com:/",
        "https://graph.microsoft.com:0443/",
        "https://graph.microsoft.com:443:80/",
        "https://graph.microsoft.com:4٤3/",
        "https://graph.microsoft.com:65536/",
        "https://graph\u3002microsoft.com/",
        "https://\uff47raph.microsoft.com/",
        "https://graph.m\u0131crosoft.com/",
        "https://[::1%25eth0]/",
        "https://[::ffff:1.2.3.4/",
        "https://graph.microsoft.com[::1]/",
        "ftp://graph.microsoft.com/",
        "https://graph.microsoft.com/\ud800",
        "",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        place_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.microsoft.com:8443/",
        "http://graph.microsoft.com/",
        "http://graph.microsoft.com:443/",
        "https://graph.microsoft.com.evil.example/",
        "https://evil.example/graph.microsoft.com",
        "https://[::1]/",
        "https://2130706433/",
    ],
)
def test_elsewhere_is_elsewhere(url: str) -> None:
    assert place_of(url) != GRAPH


ODD = "https:/\\@#?:[]%. \t\n\0graph.evil\u3002\uff0e0123"


@given(st.text(st.sampled_from(ODD), max_size=40).map("https://".__add__) | st.text(max_size=40))
def test_where_there_is_a_place_every_parser_finds_it(url: str) -> None:
    try:
        place = place_of(url)
    except ValueError:
        return
    try:
        split, parsed = urlsplit(url), parse_url(url)
    except (ValueError, LocationParseError):
        return  # nobody can connect there
    for host, port in ((split.hostname, split.port), (parsed.host, parsed.port)):
        assert (host or "").strip("[]") == place.host.strip("[]")
        assert (port or {"https": 443, "http": 80}[place.scheme]) == place.port
