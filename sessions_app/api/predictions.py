"""`/sessions/{id}/predictions` and `cognition-data`."""

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema

from foundation import contracts
from foundation.callers import READ
from foundation.http.answers import json_answer
from sessions_app.api.base import SessionView
from sessions_app.api.responses import cognition_body
from sessions_app.api.schema import errors
from sessions_app.reads import predicting
from sessions_app.shapes import predictions


class Predictions(SessionView):
    needs = {"GET": READ}

    @extend_schema(
        summary="What the node predicts for the STM as it is",
        responses={200: predictions.PredictionsAnswer, **errors(404, 422)},
    )
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        return json_answer(predicting.answer(session_id, predicting.predictions(session_id, asked=contracts.asked())))


class CognitionData(SessionView):
    needs = {"GET": READ}

    @extend_schema(
        summary="STM, and the predictions of the last observation",
        responses={200: predictions.CognitionAnswer, **errors(404, 422)},
    )
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        cognition = predicting.cognition(session_id, asked=contracts.asked())
        return json_answer(cognition_body(session_id, cognition))
