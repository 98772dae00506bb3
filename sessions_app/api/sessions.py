"""`/sessions` and `/sessions/{id}`: create, list, count, look at, keep and delete sessions."""

from typing import Annotated, Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic import Field, TypeAdapter
from pydantic_core import to_json
from rest_framework.request import Request

from foundation import logs
from foundation.http.answers import error_answer, json_answer
from foundation.http.bodies import parse_body, parse_query, read_raw_body
from foundation.http.views import LeanView
from memory_app.node_ids import NodeId
from sessions_app import config as session_config
from sessions_app import operations, reads
from sessions_app.api.base import SessionView, answer_once, answer_once_for_session, scope_of_node
from sessions_app.api.schema import E1_NOT_FOUND, IDEMPOTENCY_KEY, PAGE, TTL_SECONDS, errors
from sessions_app.errors import SessionNotFound
from sessions_app.shapes import bodies
from sessions_app.shapes.descriptions import describe_session

_SKIP = TypeAdapter(Annotated[int, Field(ge=0, le=2**31)])
_LIMIT = TypeAdapter(Annotated[int, Field(ge=1, le=1000)])
_NODE = TypeAdapter(NodeId)
_TTL = TypeAdapter(Annotated[int, Field(ge=1, le=bodies.MAX_TTL)])


class Sessions(LeanView):
    @extend_schema(
        summary="Create a session for a node",
        request=bodies.CreateSession,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.SessionAnswer, **errors(400, 413, 422)},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_raw_body(request)
        given = parse_body(request, bodies.CreateSession, body)
        config = session_config.validate(given.config or {})

        def perform() -> bytes:
            info = operations.create(
                node_id=given.node_id,
                ttl_seconds=given.ttl_seconds or settings.ENV.session_ttl,
                config=config,
                metadata=given.metadata or {},
            )
            return to_json(describe_session(info))

        return answer_once(request, scope_of_node(given.node_id), perform, body=body)

    @extend_schema(
        summary="Living sessions, newest first",
        parameters=PAGE,
        responses={200: bodies.SessionList, **errors(422)},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        skip = parse_query(request, "skip", _SKIP, 0)
        limit = parse_query(request, "limit", _LIMIT, 100)
        node_id = parse_query(request, "node_id", _NODE, None)
        page = reads.page(skip=skip, limit=limit, node_id=node_id)
        sessions = [describe_session(info) for info in page.sessions]
        return json_answer(to_json({"sessions": sessions, "total": page.total, "skip": skip, "limit": limit}))


class Count(LeanView):
    @extend_schema(summary="Number of living sessions", responses={200: bodies.SessionCount, **errors()})
    def get(self, request: HttpRequest) -> HttpResponse:
        return json_answer(b'{"active_session_count":%d}' % reads.count())


class RoutingTest(LeanView):
    @extend_schema(summary="Routing self-test", responses={200: bodies.TestAnswer})
    def get(self, request: HttpRequest, test_id: str) -> HttpResponse:
        return json_answer(to_json({"test_id": test_id, "message": "endpoint works"}))


class OneSession(SessionView):
    @extend_schema(
        summary="Session information; extends its life",
        responses={200: bodies.SessionAnswer, 404: E1_NOT_FOUND, **errors()},
    )
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        self.session_found = False  # the one route whose answers do not carry the header (http.md 0.2)
        try:
            info = reads.session(session_id)
        except SessionNotFound as error:
            return error_answer(str(error), 404)  # E1 here, E3 everywhere else (Q15)
        return json_answer(to_json(describe_session(info)))

    @extend_schema(summary="Delete a session", responses={200: bodies.DeletedAnswer, **errors(404)})
    def delete(self, request: HttpRequest, session_id: str) -> HttpResponse:
        operations.delete(session_id=session_id)
        return json_answer(to_json({"status": "deleted", "session_id": session_id}))


class Exists(SessionView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        logs.about(session_id=kwargs["session_id"])  # one that cannot be is no error here: it does not exist

    @extend_schema(
        summary="Whether a session lives; never extends it", responses={200: bodies.ExistsAnswer, **errors()}
    )
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        self.session_found = False
        found = reads.existence(session_id)
        return json_answer(to_json({"exists": found.exists, "expired": found.expired, "session_id": session_id}))


class Extend(SessionView):
    @extend_schema(
        summary="Let a session live ttl_seconds from now",
        request=None,
        parameters=[TTL_SECONDS, IDEMPOTENCY_KEY],
        responses={200: bodies.ExtendedAnswer, **errors(404, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        ttl_seconds = parse_query(request, "ttl_seconds", _TTL, 3600)

        def perform() -> bytes:
            operations.extend(session_id=session_id, ttl_seconds=ttl_seconds)
            return to_json({"status": "extended", "session_id": session_id, "ttl_seconds": ttl_seconds})

        return answer_once_for_session(request, session_id, perform)


class UnknownSubPath(SessionView):
    """Below a session, but no route of ours: the session is looked up first, then the route is missing."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
