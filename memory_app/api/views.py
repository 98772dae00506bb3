"""`/pattern/{id}`, `/patterns/count`, `/symbols/…` and two deprecated ones: what a node knows (http.md 1.3)."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import TypeAdapter
from pydantic_core import to_json

from engine.naming import PATTERN_PREFIX, bare_name
from foundation import callers, contracts, logs
from foundation.callers import READ
from foundation.contracts import ContractName
from foundation.http.answers import json_answer
from foundation.http.bodies import parse_header, parse_query
from foundation.http.schema import INVALID_REQUEST
from foundation.http.views import LeanView
from memory_app.api import shapes
from memory_app.api.kb_ids import kb_id
from memory_app.errors import MalformedPatternName, PatternUnknown
from memory_app.index import indexes
from memory_app.node_ids import NODE_ID_SCHEMA, NodeId
from memory_app.patience import PREDICTION_SECONDS, Bounded
from memory_app.pattern_ids import NAME
from memory_app.reads import nodes

_NODE = [
    OpenApiParameter("node_id", NODE_ID_SCHEMA, description="The node; wins over the headers."),
    OpenApiParameter(
        "X-Test-ID", NODE_ID_SCHEMA, OpenApiParameter.HEADER, description="The node, with `test_` before it."
    ),
    OpenApiParameter(
        "X-Node-ID", NODE_ID_SCHEMA, OpenApiParameter.HEADER, description="The node. Default: `default_node`."
    ),
]
_AFTER = OpenApiParameter("after", str, description="Only symbols after this one: `next` of the page before.")

_FLUSH = OpenApiParameter(
    "flush", {"type": "boolean", "default": True}, description="Changes nothing: what was learned counts at once."
)

_TEXT = TypeAdapter(str)
_FLAG = TypeAdapter(bool)
_NODE_ID: TypeAdapter[str] = TypeAdapter(NodeId)
_REST_OF_STATISTICS = 80  # bytes in a response: names, numbers, quotes and brackets


def node_of(request: HttpRequest) -> str:
    """The node that a request names in its query, in `X-Test-ID` or in `X-Node-ID`, in this order.

    Raises InvalidRequest and ForeignNode.
    """
    node_id = _named_node(request)
    logs.about(node_id=node_id)
    callers.current().require_node(node_id)
    return node_id


def _named_node(request: HttpRequest) -> str:
    # All of them are checked, also those that do not count.
    named: str | None = parse_query(request, "node_id", _NODE_ID, None)
    test_id: str | None = parse_header(request, "X-Test-ID", _NODE_ID, None)
    header: str | None = parse_header(request, "X-Node-ID", _NODE_ID, None)
    if named is not None:
        return named
    if test_id is not None:
        return test_id if test_id.startswith("test_") else f"test_{test_id}"
    return header or "default_node"


def _response(node_id: str, **content: Any) -> HttpResponse:
    return json_answer(to_json({**content, "node_id": kb_id(node_id)}))


class Pattern(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="One pattern, by its name",
        parameters=_NODE,
        responses={200: shapes.PatternAnswer, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest, pattern_id: str) -> HttpResponse:
        node_id = node_of(request)
        name = bare_name(pattern_id)
        found = nodes.pattern(node_id, name) if NAME.fullmatch(name) else None
        if found is None:
            return _no_pattern(node_id, pattern_id, name)
        pattern = {
            "name": PATTERN_PREFIX + found.name,
            "pattern_data": found.events,
            "length": found.length,
            "frequency": found.frequency,
            "emotives": found.emotives,
            "metadata": found.metadata,
        }
        return _response(node_id, pattern={"status": "okay", "pattern": pattern})


def _no_pattern(node_id: str, given: str, name: str) -> HttpResponse:
    """Raises MalformedPatternName and PatternUnknown, under 6.3."""
    if contracts.in_force() is ContractName.KATO_3_10:
        # 200, because clients read the inner status (Q11).
        return _response(node_id, pattern={"status": "error", "message": f"Pattern {given} not found"})
    if not NAME.fullmatch(name):
        raise MalformedPatternName(given)
    raise PatternUnknown(given)


class PatternCount(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Number of patterns",
        parameters=[*_NODE, _FLUSH],
        responses={200: shapes.PatternCount, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        node_id = node_of(request)
        parse_query(request, "flush", _FLAG, True)  # every read sees what was learned before it
        return _response(node_id, pattern_count=nodes.count_patterns(node_id))


class SymbolStatistics(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Frequency of every symbol",
        parameters=[*_NODE, _AFTER],
        responses={200: shapes.SymbolsAnswer, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        node_id = node_of(request)
        after: str | None = parse_query(request, "after", _TEXT, None)
        with Bounded(PREDICTION_SECONDS, "Counting the symbols") as stop:
            statistics = indexes.follow(node_id, stop).view.symbol_statistics()
            stop.check()
        room: int = settings.ENV.limit_page
        symbols: dict[str, Any] = {}
        for symbol, (frequency, members) in statistics.items():
            if after is not None and symbol <= after:
                continue
            if room < 0:
                return _response(node_id, symbols=symbols, next=next(reversed(symbols)))
            symbols[symbol] = {"name": symbol, "frequency": frequency, "pattern_member_frequency": members}
            room -= 2 * len(symbol.encode()) + _REST_OF_STATISTICS
        return _response(node_id, symbols=symbols)


class Affinities(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Affinity of every symbol",
        parameters=[*_NODE, _AFTER],
        responses={200: shapes.AffinitiesAnswer, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        node_id = node_of(request)
        page = nodes.affinities(node_id, after=parse_query(request, "after", _TEXT, None))
        more = {} if page.following is None else {"next": page.following}
        return _response(node_id, affinities=page.affinities, **more)


class Affinity(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Affinity of one symbol", parameters=_NODE, responses={200: shapes.AffinityAnswer, 422: INVALID_REQUEST}
    )
    def get(self, request: HttpRequest, symbol: str) -> HttpResponse:
        node_id = node_of(request)
        affinity = nodes.affinity(node_id, symbol)
        return _response(node_id, symbol=symbol, affinity=affinity)


def _use_instead(route: str) -> str:
    return f"Deprecated: a node has no {route}. Use GET /sessions/{{session_id}}/{route} for that of a session"


class PerceptData(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Always empty; ask a session instead",
        deprecated=True,
        parameters=_NODE,
        responses={200: shapes.DeprecatedPerceptAnswer, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        return _response(node_of(request), percept_data={}, warning=_use_instead("percept-data"))


class CognitionData(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Always empty; ask a session instead",
        deprecated=True,
        parameters=_NODE,
        responses={200: shapes.DeprecatedCognitionAnswer, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        nothing = {
            "predictions": [],
            "emotives": {},
            "symbols": [],
            "command": "",
            "metadata": {},
            "path": [],
            "strings": [],
            "vectors": [],
            "short_term_memory": [],
        }
        return _response(node_of(request), cognition_data=nothing, warning=_use_instead("cognition-data"))
