"""The routes of sessions and jobs. They have no trailing slash: the middleware removes one from each request.

A request is compared with one after the other, so the most frequent come first.
"""

from django.urls import path, re_path

from memory_app.api import node_paths  # noqa: F401  `<node:…>` in routes
from sessions_app.api import config, importing, jobs, learning, observing, patterns, predictions, sessions

_ID = "sessions/<str:session_id>"

urlpatterns = [
    path(f"{_ID}/observe", observing.Observe.as_view()),
    path(f"{_ID}/stm", observing.Stm.as_view()),
    path("sessions", sessions.Sessions.as_view()),
    # Before the routes of a session that might be called `test`.
    path("sessions/test/<str:test_id>", sessions.RoutingTest.as_view()),
    path(f"{_ID}/predictions", predictions.Predictions.as_view()),
    path("sessions/count", sessions.Count.as_view()),
    path(_ID, sessions.OneSession.as_view()),
    path(f"{_ID}/exists", sessions.Exists.as_view()),
    path(f"{_ID}/config", config.Config.as_view()),
    path(f"{_ID}/extend", sessions.Extend.as_view()),
    path(f"{_ID}/observe-sequence", observing.ObserveSequence.as_view()),
    path(f"{_ID}/learn", learning.Learn.as_view()),
    path(f"{_ID}/cognition-data", predictions.CognitionData.as_view()),
    path(f"{_ID}/finalize-training", learning.FinalizeTraining.as_view()),
    path(f"{_ID}/clear-all", learning.ClearAll.as_view()),
    path(f"{_ID}/clear-stm", observing.ClearStm.as_view()),
    path(f"{_ID}/percept-data", observing.PerceptData.as_view()),
    path(f"{_ID}/patterns/retire", patterns.Retire.as_view()),
    path(f"{_ID}/patterns/un-retire", patterns.UnRetire.as_view()),
    path(f"{_ID}/patterns/purge", patterns.Purge.as_view()),
    path("nodes/<node:node_id>/import", importing.Import.as_view()),
    path("jobs", jobs.Jobs.as_view()),
    path("jobs/<str:job_id>", jobs.OneJob.as_view()),
    path("jobs/<str:job_id>/retry", jobs.Retry.as_view()),
    re_path(r"^sessions/(?P<session_id>[^/]+)/.*$", sessions.UnknownSubPath.as_view()),
]
