"""The operations of the API: which there are, by Django's URL conf; how to call them, by the OpenAPI document."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from django.urls import URLPattern, URLResolver, get_resolver

from foundation.callers import Scope
from foundation.http.views import LeanView
from tests.api.contract.document import DESCRIBED

# Of a body that is not JSON: a file of another node, which holds nothing.
_LINES = {"kato": "node", "version": 1, "node_id": "elsewhere"}
_BODIES_OWN_NODE = {"config": {"recall_threshold": 0.5}}


@dataclass(frozen=True, slots=True)
class Route:
    """`path`: as in the OpenAPI document, `/sessions/{session_id}/stm`. `view`: a class with HTTP methods."""

    path: str
    view: Any

    @property
    def methods(self) -> set[str]:
        return {name.upper() for name in LeanView.http_method_names if hasattr(self.view, name)}


def routes() -> Iterator[Route]:
    """All but the console's."""
    return (route for route in _routes(get_resolver().url_patterns, "/") if not route.path.startswith("/admin"))


def _routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Route]:
    for pattern in patterns:
        path = before + _as_documented(str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            callback: Any = pattern.callback
            yield Route(path, getattr(callback, "cls", None) or callback.view_class)
        elif path != "/admin/":
            yield from _routes(pattern.url_patterns, path)


def _as_documented(pattern: str) -> str:
    """`sessions/<str:session_id>/stm` and `^sessions/(?P<session_id>[^/]+)/.*$` with braces."""
    named = re.sub(r"<\w+:(\w+)>|\(\?P<(\w+)>[^)]*\)", lambda match: f"{{{match[1] or match[2]}}}", pattern)
    return named.removeprefix("^").replace(".*$", "unknown")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    needs: Collection[Scope]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def of_session(self) -> bool:
        return "{session_id}" in self.path

    @property
    def of_job(self) -> bool:
        return "{job_id}" in self.path

    @property
    def parameters(self) -> set[str]:
        """The names of its query parameters and headers."""
        return {
            one["name"]
            for one in DESCRIBED[str(self)].get("parameters", [])
            if one.get("in") != "path" and "name" in one
        }

    def body(self, node_id: str) -> Any:
        """The example of the document, for this node where it names one."""
        if "requestBody" not in DESCRIBED.get(str(self), {}):
            return None
        content = DESCRIBED[str(self)]["requestBody"]["content"]
        if "application/json" not in content:
            return _LINES
        example = content["application/json"].get("example") or _BODIES_OWN_NODE
        return {**example, "node_id": node_id} if "node_id" in example else example

    @property
    def names_node_in_body(self) -> bool:
        return (self.body("a node") or {}).get("node_id") == "a node"

    def call(self, client: httpx.Client, *, node_id: str, path: dict[str, str], **options: Any) -> httpx.Response:
        """Call it with the body of the example. `path`: what is in the place of `{session_id}` and `{job_id}`."""
        known = {"node_id": node_id, **path}
        url = re.sub(r"\{(\w+)\}", lambda match: known.get(match[1], "x"), self.path)
        return client.request(self.method, url, json=self.body(node_id), **options)


def operations() -> list[Operation]:
    return [
        Operation(method, route.path, route.view.needs[method])
        for route in routes()
        for method in sorted(route.methods)
    ]
