"""`/nodes/{id}/export`: what a node has learned, without vectors, as its file (http.md 1.7)."""

import logging
from collections.abc import Generator, Iterator
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from foundation.callers import READ
from foundation.errors import InvalidRequest, Refusal
from foundation.http.bodies import parse_query
from foundation.http.error_shapes import Error
from foundation.http.schema import INVALID_REQUEST, response
from foundation.http.streaming import Deadline, Stream
from foundation.http.views import LeanView
from foundation.postgresql.trouble import STORE_TROUBLE
from memory_app.api.node_paths import NODE_IN_PATH, admit_node
from memory_app.api.schema import NDJSON, NODE_FILE, NODE_UNKNOWN
from memory_app.files import export_moments, exporting
from memory_app.files.export_moments import ExportMoment
from memory_app.files.exporting import Position
from memory_app.pattern_ids import NAME_SCHEMA, PatternName

log = logging.getLogger(__name__)


def _moment(text: str) -> ExportMoment:
    try:
        return export_moments.parse(text)
    except ValueError as error:
        raise PydanticCustomError("export_moment", str(error)) from None


_TEXT = TypeAdapter(str)
_NAME: TypeAdapter[str] = TypeAdapter(PatternName)
_MOMENT = TypeAdapter(Annotated[str, Field(max_length=export_moments.MAX_LENGTH), AfterValidator(_moment)])


class Export(LeanView):
    needs = {"GET": READ}

    @extend_schema(
        summary="The file of a node: lines of JSON, from one moment",
        parameters=[
            NODE_IN_PATH,
            OpenApiParameter("after", NAME_SCHEMA, description="Go on after the pattern with this name."),
            OpenApiParameter("after_symbol", str, description="Go on after the affinities of this symbol."),
            OpenApiParameter(
                "after_retired", NAME_SCHEMA, description="Go on after the line that says that this is retired."
            ),
            OpenApiParameter(
                "moment",
                {"type": "string", "maxLength": export_moments.MAX_LENGTH, "pattern": f"^{export_moments.PATTERN}$"},
                description="The `moment` of the first line of an interrupted export: the rest is of the same content, "
                "or this is a 409.",
            ),
        ],
        responses={
            (200, NDJSON): OpenApiResponse(
                str,
                "Lines of JSON as docs/migrating.md describes, without vectors. Without the last one, the export was "
                "cut short.",
                [NODE_FILE],
            ),
            404: NODE_UNKNOWN,
            409: response(
                Error, "The node has changed since that moment.", {"detail": str(export_moments.NodeChanged())}
            ),
            422: INVALID_REQUEST,
        },
    )
    def get(self, request: HttpRequest, node_id: str) -> HttpResponseBase:
        admit_node(node_id)
        after = _position(request)
        since: ExportMoment | None = parse_query(request, "moment", _MOMENT, None)
        exporting.check(node_id, since)
        if request.method == "HEAD":
            return HttpResponse(content_type=NDJSON)
        parts = exporting.parts(node_id, after=after, since=since)
        return Stream(_bounded(parts, Deadline(settings.ENV.export_seconds)), content_type=NDJSON)


def _position(request: HttpRequest) -> Position:
    """Raises InvalidRequest."""
    pattern: str = parse_query(request, "after", _NAME, "")
    symbol: str | None = parse_query(request, "after_symbol", _TEXT, None)
    retired: str = parse_query(request, "after_retired", _NAME, "")
    given = [value for value in (pattern or None, symbol, retired or None) if value is not None]
    if len(given) > 1:
        message = "Go on after a pattern, after the affinities of a symbol, or after what is retired, not several"
        raise InvalidRequest([{"type": "two_positions", "loc": ["query", "after"], "msg": message, "input": given[0]}])
    return Position(pattern, symbol, retired)


def _bounded(parts: Generator[bytes], deadline: Deadline) -> Iterator[bytes]:
    """The parts until the deadline. It is too late for another status: what is missing is the last line of the file."""
    try:
        for part in parts:
            # Of a file that is sent already there is no further part.
            if deadline.has_passed():
                log.warning("An export was cut short after %g s (KATO_EXPORT_SECONDS)", settings.ENV.export_seconds)
                return
            yield part
    except (Refusal, *STORE_TROUBLE) as error:
        log.warning("An export was cut short: %s", error)
    finally:
        parts.close()
