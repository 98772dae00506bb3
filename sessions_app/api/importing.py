"""`/nodes/{id}/import`: adding what a file of another node holds, in the background (http.md 1.7)."""

from collections.abc import Iterator
from io import BytesIO

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, extend_schema
from pydantic import TypeAdapter

from foundation.callers import WRITE
from foundation.errors import InvalidRequest
from foundation.http.bodies import check_values, parse_query, read_raw_body
from foundation.http.views import LeanView
from foundation.json_lines import Line, WrongLine
from memory_app.api.node_paths import NODE_IN_PATH, admit_node
from memory_app.api.schema import NDJSON, NODE_FILE
from memory_app.files import node_files
from memory_app.files.node_files import Affinity, Content
from sessions_app.api.answering import accepted, answer_once, scope_of_node
from sessions_app.api.schema import IDEMPOTENCY_KEY, errors
from sessions_app.files.imported_lines import check_line
from sessions_app.jobs import lifecycle
from sessions_app.limits import LARGEST_BATCH, MOST_AFFINITIES
from sessions_app.models.jobs import Kind
from sessions_app.shapes import bodies
from sessions_app.shapes.descriptions import job_answer

_FLAG = TypeAdapter(bool)
_PART = 1024 * 1024  # bytes of lines in one row, and in one transaction, unless a single line has more


class Import(LeanView):
    needs = {"POST": WRITE}
    body_limit = LARGEST_BATCH

    @extend_schema(
        summary="Add what a file of another node holds, in the background",
        request={NDJSON: OpenApiRequest(str, examples=[NODE_FILE])},
        parameters=[
            NODE_IN_PATH,
            OpenApiParameter(
                "add", bool, description="Also add to a node that already knows something: frequencies add up."
            ),
            OpenApiParameter(
                "partial", bool, description="Also accept a file without its last line, such as a part of a large one."
            ),
            IDEMPOTENCY_KEY,
        ],
        responses={202: bodies.JobAnswer, **errors(413, 415, 422)},
    )
    def post(self, request: HttpRequest, node_id: str) -> HttpResponse:
        admit_node(node_id)
        add: bool = parse_query(request, "add", _FLAG, False)
        partial: bool = parse_query(request, "partial", _FLAG, False)
        body = read_raw_body(request, self.body_limit)
        check_values(body, lines=True)
        content, pairs = _checked(body)
        if not content.complete and not partial:
            raise _wrong(content.lines, "The file has no last line, so its export was cut short; partial=true takes it")

        def accept() -> bytes:
            job = lifecycle.accept(
                kind=Kind.IMPORT,
                node_id=node_id,
                parameters={"add": add, "window": max(content.window, settings.ENV.persistence)},
                total=content.lines,
                parts=_parts(body, pairs),
            )
            return job_answer(job)

        return accepted(answer_once(request, scope_of_node(node_id), accept, body=body))


def _checked(body: bytes) -> tuple[Content, list[int]]:
    """What the lines hold, and how many affinities each has. Raises InvalidRequest that names the first wrong line."""
    pairs: list[int] = []

    def is_fit(line: Line) -> None:
        check_line(line)
        pairs.append(len(line.affinity) if isinstance(line, Affinity) else 0)

    try:
        content = node_files.check(BytesIO(body), is_fit)
    except WrongLine as error:
        raise _wrong(error.number, error.problem) from None
    if content.lines == 0:
        raise _wrong(0, "The body has no lines")
    return content, pairs


def _wrong(number: int, message: str) -> InvalidRequest:
    return InvalidRequest([{"type": "wrong_line", "loc": ["body", number], "msg": message, "input": None}])


def _parts(body: bytes, pairs: list[int]) -> Iterator[bytes]:
    """The lines, cut into parts that one transaction each can add quickly."""
    part: list[bytes] = []
    size = felt = 0
    for line, own in zip(BytesIO(body), pairs, strict=True):
        if part and (len(part) == node_files.BATCH or size + len(line) > _PART or felt + own > MOST_AFFINITIES):
            yield b"".join(part)
            part, size, felt = [], 0, 0
        part.append(line)
        size, felt = size + len(line), felt + own
    yield b"".join(part)
