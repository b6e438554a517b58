"""`POST /$batch`: up to twenty calls in one, each with its own status.

Items may carry absolute or relative addresses and `dependsOn` in either spelling, because
the SDK for Python sends absolute ones and `depends_on`. Answers come back in another order.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson

from deploy.lab.entra.messages import Answer, Call, Inbound, answer, bad_request

_LIMIT: Final = 20


def run_batch(call: Call, run: Callable[[Call, Inbound], Answer]) -> Answer:
    """Run every item through `run` and collect the answers. Raises GraphError: not a batch."""
    responses: dict[str, dict[str, Any]] = {}
    for item in _items(call):
        number = str(item["id"])
        needed = item.get("dependsOn") or item.get("depends_on") or []
        if any(responses.get(str(one), {"status": 424})["status"] >= 400 for one in needed):
            error = {"code": "FailedDependency", "message": "A request this one depends on failed."}
            responses[number] = {"id": number, "status": 424, "headers": {}, "body": {"error": error}}
            continue
        path, query = _address(call, str(item["url"]))
        own = {str(name).lower(): str(value) for name, value in (item.get("headers") or {}).items()}
        body = orjson.dumps(item["body"]) if item.get("body") is not None else b""
        method = str(item.get("method", "GET")).upper()
        inbound = Inbound(method, call.version, path, query, own, body, call.origin)
        responses[number] = _response(number, run(call, inbound))
    return answer({"responses": list(reversed(responses.values()))})


def _items(call: Call) -> list[dict[str, Any]]:
    try:
        items = orjson.loads(call.body)["requests"]
        ids = [str(item["id"]) for item in items if item["url"]]
    except (ValueError, KeyError, TypeError):
        bad_request("Invalid batch payload format.")
    if not items or len(ids) != len(items) or len(set(ids)) != len(ids):
        bad_request("Invalid batch payload format.")
    if len(items) > _LIMIT:
        bad_request(f"Invalid batch payload: the number of requests exceeds {_LIMIT}.", "MaximumBatchSizeExceeded")
    return list(items)


def _address(call: Call, url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if path.startswith(f"/{call.version}/"):
        path = path.removeprefix(f"/{call.version}")
    return "/" + path.lstrip("/"), parts.query


def _response(number: str, made: Answer) -> dict[str, Any]:
    is_json = made.headers.get("Content-Type", "").startswith("application/json")
    body = orjson.loads(made.body) if is_json else base64.b64encode(made.body).decode()
    return {"id": number, "status": made.status, "headers": made.headers, "body": body}
