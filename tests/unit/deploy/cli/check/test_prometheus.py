"""What stands in for Prometheus may be anything; what its address holds is shown to nobody."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from deploy.cli.check import prometheus
from deploy.cli.check.line import Mark
from streams.runtime.settings import Settings

URL = "http://someone:hun/ter2@prometheus.example:9090"
ODD: list[Any] = [
    [], 1, {"activeTargets": [1], "groups": [], "activeAlertmanagers": []},
    {"activeTargets": [{"labels": {"instance": 1}}], "groups": [{"rules": [1]}], "activeAlertmanagers": [1]},
    {"activeTargets": [], "groups": [{"rules": [{}]}], "activeAlertmanagers": []},
]  # fmt: skip


@pytest.mark.parametrize("answer", ODD)
def test_any_shape_is_a_line(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "_ask", lambda *_: answer)
    (line,) = prometheus.check_prometheus(URL, Settings())
    assert line.mark is Mark.FAULT and "ter2" not in line.what and "prometheus.example" in line.what


def test_no_error_shows_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = requests.Response()
    answer.status_code, answer.url = 401, URL

    def refuse(url: str, _what: str) -> None:
        raise requests.HTTPError(f"401 for url: {url}", response=answer)

    monkeypatch.setattr(prometheus, "_ask", refuse)
    (line,) = prometheus.check_prometheus(URL, Settings())
    assert "HTTP 401" in line.what and "ter2" not in line.what


def test_the_address_of_an_alertmanager_shows_none_either(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"activeTargets": [], "groups": [], "activeAlertmanagers": [{"url": "http://a:ter2@am:9093/api"}]}
    monkeypatch.setattr(prometheus, "_ask", lambda *_: found)
    said = [line.what for line in prometheus.check_prometheus("http://p:9090", Settings())]
    assert "alerts go to http://…@am:9093/api" in said
