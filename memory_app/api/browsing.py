"""`/nodes` and `/nodes/{id}/patterns`: what nodes there are, and what one knows, in pages (http.md 1.7).

`/nodes/{id}/patterns/{name}`: deleting a pattern.
"""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError, to_json

from engine.naming import PATTERN_PREFIX, bare_name
from engine.ranges import LARGEST_FREQUENCY
from foundation import callers
from foundation.callers import ADMIN, READ
from foundation.http.answers import json_answer
from foundation.http.bodies import parse_path, parse_query
from foundation.http.schema import INVALID_REQUEST
from foundation.http.views import LeanView
from memory_app import reasons
from memory_app.api import shapes
from memory_app.api.kb_ids import kb_id
from memory_app.api.node_paths import NODE_IN_PATH, admit_node
from memory_app.api.schema import NODE_UNKNOWN, PATTERN_UNKNOWN
from memory_app.node_ids import NODE_ID_SCHEMA, NodeId
from memory_app.operations.deleting import delete
from memory_app.pattern_ids import NAME_SCHEMA, PatternName
from memory_app.reads import browsing, nodes
from memory_app.reads.browsing import ListedPattern, Order, Wanted

MAX_LIMIT, DEFAULT_LIMIT = 1000, 100

_NODE_ID: TypeAdapter[str] = TypeAdapter(NodeId)
_TEXT = TypeAdapter(str)
_LIMIT = TypeAdapter(Annotated[int, Field(ge=1, le=MAX_LIMIT)])
_FREQUENCY = TypeAdapter(Annotated[int, Field(ge=1, le=LARGEST_FREQUENCY)])
_ORDER = TypeAdapter(Order)
_FLAG = TypeAdapter(bool)


def _digits(text: str) -> str:
    digits = bare_name(text)
    if len(digits) > 40 or not set(digits) <= set("0123456789abcdef"):
        raise PydanticCustomError(
            "name_prefix", "Input should be the beginning of a name: at most 40 digits 0-9 and a-f, `PTRN|` before them"
        )
    return digits


_NAME_PREFIX = TypeAdapter(Annotated[str, AfterValidator(_digits)])
_NAME_PREFIX_SCHEMA = {"type": "string", "pattern": r"^(PTRN\|)?[0-9a-f]{0,40}$"}
_CURSOR_SCHEMA = {"type": "string", "pattern": f"^{browsing.CURSOR_PATTERN}$"}


_NAME: TypeAdapter[str] = TypeAdapter(PatternName)
_WHY: TypeAdapter[str] = TypeAdapter(reasons.Why)

_PAGE = OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT})


class Nodes(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Nodes that have learned or retired something, by id",
        parameters=[
            OpenApiParameter("prefix", NODE_ID_SCHEMA, description="Only nodes whose ids begin with this."),
            OpenApiParameter(
                "after", NODE_ID_SCHEMA, description="Only nodes after this id: `next` of the page before."
            ),
            _PAGE,
        ],
        responses={200: shapes.NodePage, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        prefix: str = parse_query(request, "prefix", _NODE_ID, "")
        after: str | None = parse_query(request, "after", _NODE_ID, None)
        limit: int = parse_query(request, "limit", _LIMIT, DEFAULT_LIMIT)
        found = nodes.page(after=after, prefixes=_visible(prefix), limit=limit + 1)
        following = found[limit - 1].node_id if len(found) > limit else None
        described = [_described(node) for node in found[:limit]]
        return json_answer(to_json({"nodes": described, "next": following}))


def _visible(prefix: str) -> list[str]:
    """The prefixes of the ids that begin with this one and that the caller sees."""
    own = callers.current().nodes
    if own is None:
        return [prefix]
    return [max(prefix, one, key=len) for one in own if prefix.startswith(one) or one.startswith(prefix)]


def _described(node: nodes.NodeInfo) -> dict[str, Any]:
    return {
        "node_id": node.node_id,
        "shown_as": kb_id(node.node_id),
        "finalized": node.finalized,
        "vector_dimension": node.dimension,
    }


class Patterns(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="Patterns of a node, in pages",
        parameters=[
            NODE_IN_PATH,
            OpenApiParameter("symbol", str, description="Only patterns with this symbol, in any event."),
            OpenApiParameter(
                "prefix", _NAME_PREFIX_SCHEMA, description="Only patterns whose names begin with these digits."
            ),
            OpenApiParameter("min_frequency", {"type": "integer", "minimum": 1, "maximum": LARGEST_FREQUENCY}),
            OpenApiParameter("retired", bool, description="Only patterns that are retired, or only the others."),
            OpenApiParameter(
                "order",
                {"type": "string", "enum": [str(order) for order in Order], "default": "newest"},
                description="`newest`: the last learned first, new or known; `frequency`: the most frequent.",
            ),
            OpenApiParameter("after", _CURSOR_SCHEMA, description="`next` of the page before, with the same order."),
            _PAGE,
        ],
        responses={200: shapes.PatternPage, 404: NODE_UNKNOWN, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest, node_id: str) -> HttpResponse:
        admit_node(node_id)
        wanted = Wanted(
            symbol=parse_query(request, "symbol", _TEXT, None),
            prefix=parse_query(request, "prefix", _NAME_PREFIX, ""),
            min_frequency=parse_query(request, "min_frequency", _FREQUENCY, 1),
            retired=parse_query(request, "retired", _FLAG, None),
            order=parse_query(request, "order", _ORDER, Order.NEWEST),
        )
        limit: int = parse_query(request, "limit", _LIMIT, DEFAULT_LIMIT)
        after: str | None = parse_query(request, "after", _TEXT, None)
        cursor = None if after is None else browsing.cursor_of(after, wanted.order)
        page = browsing.page(node_id, wanted, after=cursor, limit=limit)
        following = None if page.following is None else str(page.following)
        listed = [_listed(pattern) for pattern in page.patterns]
        return json_answer(to_json({"patterns": listed, "node_id": node_id, "next": following}))


# Irreversible, as a purge.
class OnePattern(LeanView):
    needs = {"DELETE": ADMIN}

    @extend_schema(
        summary="Retire and purge a pattern: the node forgets it, and does not learn it again until it is un-retired",
        parameters=[
            NODE_IN_PATH,
            OpenApiParameter(
                "name", NAME_SCHEMA, OpenApiParameter.PATH, description="Its name, with `PTRN|` or without."
            ),
            OpenApiParameter(
                "why",
                {"type": "string", "maxLength": reasons.MAX_LENGTH},
                description="Kept with who did it and when.",
            ),
        ],
        responses={200: shapes.DeletedPattern, 404: PATTERN_UNKNOWN, 422: INVALID_REQUEST},
    )
    def delete(self, request: HttpRequest, node_id: str, name: str) -> HttpResponse:
        admit_node(node_id)
        bare: str = parse_path("name", name, _NAME)
        why: str | None = parse_query(request, "why", _WHY, None)
        delete(node_id=node_id, name=bare, why=why)
        return json_answer(to_json({"status": "deleted", "pattern_name": PATTERN_PREFIX + bare, "node_id": node_id}))


def _listed(pattern: ListedPattern) -> dict[str, Any]:
    return {
        "name": PATTERN_PREFIX + pattern.name,
        "pattern_data": pattern.events,
        "length": pattern.length,
        "frequency": pattern.frequency,
        "retired": pattern.is_retired,
        "emotives": pattern.emotives,
        "metadata": pattern.metadata,
        "bytes": pattern.size,
    }
