"""`/sessions/{id}/config`."""

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json

from foundation import contracts
from foundation.callers import READ, WRITE
from foundation.http.answers import json_answer
from foundation.http.bodies import as_object, parse_object, read_raw_body
from sessions_app import config as session_config
from sessions_app import operations, reads
from sessions_app.api.answering import answer_once_for_session
from sessions_app.api.base import SessionView
from sessions_app.api.schema import CONFIG_BODY, IDEMPOTENCY_KEY, OTHER_CONTRACT, errors
from sessions_app.shapes import bodies


class Config(SessionView):
    needs = {"GET": READ, "POST": WRITE}

    @extend_schema(summary="The configuration in force", responses={200: bodies.ConfigAnswer, **errors(404)})
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        stored = reads.stored_config(session_id)
        in_force = session_config.effective(stored.own, contract=stored.contract)
        config = session_config.shown(in_force, contract=contracts.in_force())
        return json_answer(to_json({"session_id": session_id, "config": config}))

    @extend_schema(
        summary="Change settings; all of them or none",
        request=CONFIG_BODY,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.ConfigUpdated, 409: OTHER_CONTRACT, **errors(400, 404, 413, 415, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        body = read_raw_body(request, self.body_limit)
        given = parse_object(request, body)
        if "config" in given:
            given = as_object(given["config"], ["body", "config"])
        # A statement of its own, before any other: which rules apply is known from then on, for it never changes.
        contract = reads.stored_config(session_id).contract
        contracts.require(contract)
        changes = session_config.validate(given, contract=contract)

        def perform() -> bytes:
            operations.update_config(session_id=session_id, changes=changes)
            return to_json({"status": "okay", "message": "Configuration updated", "session_id": session_id})

        return answer_once_for_session(request, session_id, perform, body=body)
