"""`/sessions` and `/sessions/{id}`: create, list, count, show, extend and delete sessions."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json
from rest_framework.request import Request

from foundation import callers, contracts, logs
from foundation.callers import READ, WRITE
from foundation.http.answers import error_answer, json_answer
from foundation.http.bodies import parse_body, read_raw_body
from foundation.http.views import Confirmation, LeanView
from sessions_app import config as session_config
from sessions_app import operations, reads
from sessions_app.api import query
from sessions_app.api.answering import answer_once, answer_once_for_session, scope_of_node
from sessions_app.api.base import SessionView
from sessions_app.api.schema import E1_NOT_FOUND, IDEMPOTENCY_KEY, PAGE, TTL_SECONDS, errors
from sessions_app.errors import SessionNotFound
from sessions_app.limits import LARGEST_CREATION
from sessions_app.shapes import bodies
from sessions_app.shapes.descriptions import describe_session


class Sessions(LeanView):
    needs = {"GET": READ, "POST": WRITE}
    confirmation = Confirmation.BY_STATEMENT
    body_limit = LARGEST_CREATION

    @extend_schema(
        summary="Create a session for a node",
        request=bodies.CreateSession,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.SessionAnswer, **errors(400, 413, 415, 422)},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_raw_body(request, self.body_limit)
        given = parse_body(request, bodies.CreateSession, body)
        callers.current().require_node(given.node_id)
        contract = contracts.in_force()
        config = session_config.validate(given.config or {}, contract=contract)

        def perform() -> bytes:
            info = operations.create(
                node_id=given.node_id,
                ttl_seconds=given.ttl_seconds or settings.ENV.session_ttl,
                config=config,
                metadata=given.metadata or {},
                contract=contract,
            )
            return to_json(describe_session(info, contract=contract))

        return answer_once(request, scope_of_node(given.node_id), perform, body=body)

    @extend_schema(
        summary="Living sessions, newest first",
        parameters=PAGE,
        responses={200: bodies.SessionList, **errors(422)},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        callers.current().confirm()
        skip, limit = query.skip_and_limit(request)
        node_id, after = query.node_id(request), query.after(request)
        page = reads.page(after=after, skip=skip, limit=limit, node_id=node_id)
        contract = contracts.in_force()
        counts = after is None
        content = {
            "sessions": [describe_session(info, contract=contract) for info in page.sessions],
            # To count those of a node takes longer the more it has, and a page after a cursor takes the same time.
            "total": reads.count(node_id=node_id) if counts else None,
            "skip": skip,
            "limit": limit,
            "next_skip": skip + len(page.sessions) if counts and page.following else None,
            "next": page.following and str(page.following),
        }
        return json_answer(to_json(content))


class Count(LeanView):
    needs = {"GET": READ}

    @extend_schema(summary="Number of living sessions", responses={200: bodies.SessionCount, **errors()})
    def get(self, request: HttpRequest) -> HttpResponse:
        return json_answer(b'{"active_session_count":%d}' % reads.count())


class RoutingTest(LeanView):
    needs = {"GET": READ}

    @extend_schema(summary="Routing self-test", responses={200: bodies.TestAnswer})
    def get(self, request: HttpRequest, test_id: str) -> HttpResponse:
        return json_answer(to_json({"test_id": test_id, "message": "endpoint works"}))


class OneSession(SessionView):
    needs = {"GET": READ, "DELETE": WRITE}

    @extend_schema(
        summary="Session information; extends its life",
        responses={200: bodies.SessionAnswer, 404: E1_NOT_FOUND, **errors()},
    )
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        self.session_found = False  # these responses do not carry the header (http.md 0.2)
        try:
            info = reads.session(session_id)
        except SessionNotFound as error:
            return error_answer(str(error), 404)  # body E1 here, E3 on all other routes (Q15)
        return json_answer(to_json(describe_session(info, contract=contracts.in_force())))

    @extend_schema(summary="Delete a session", responses={200: bodies.DeletedAnswer, **errors(404)})
    def delete(self, request: HttpRequest, session_id: str) -> HttpResponse:
        operations.delete(session_id=session_id)
        return json_answer(to_json({"status": "deleted", "session_id": session_id}))


class Exists(SessionView):
    needs = {"GET": READ}
    confirmation = Confirmation.BEFOREHAND

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        LeanView.initial(self, request, *args, **kwargs)
        logs.about(session_id=kwargs["session_id"])  # an impossible id is no error here: such a session does not exist

    @extend_schema(
        summary="Whether a session lives; never extends it", responses={200: bodies.ExistsAnswer, **errors()}
    )
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        self.session_found = False
        found = reads.existence(session_id)
        return json_answer(to_json({"exists": found.exists, "expired": found.expired, "session_id": session_id}))


class Extend(SessionView):
    needs = {"POST": WRITE}

    @extend_schema(
        summary="Let a session live ttl_seconds from now",
        request=None,
        parameters=[TTL_SECONDS, IDEMPOTENCY_KEY],
        responses={200: bodies.ExtendedAnswer, **errors(404, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        ttl_seconds = query.ttl_seconds(request)

        def perform() -> bytes:
            operations.extend(session_id=session_id, ttl_seconds=ttl_seconds)
            return to_json({"status": "extended", "session_id": session_id, "ttl_seconds": ttl_seconds})

        return answer_once_for_session(request, session_id, perform)


class UnknownSubPath(SessionView):
    """An unknown path below a session: 404 for the session if it does not exist, otherwise for the path."""

    needs = {}
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
