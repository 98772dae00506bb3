"""Every path is served with and without a trailing slash: a redirect would lose the body."""

from django.urls import re_path

from sessions_app.api import config, observing, sessions

_ID = r"^sessions/(?P<session_id>[^/]+)"

urlpatterns = [
    re_path(rf"{_ID}/observe/?$", observing.Observe.as_view()),
    re_path(rf"{_ID}/stm/?$", observing.Stm.as_view()),
    re_path(r"^sessions/?$", sessions.Sessions.as_view()),
    re_path(r"^sessions/count/?$", sessions.Count.as_view()),
    re_path(r"^sessions/test/(?P<test_id>[^/]+)/?$", sessions.RoutingTest.as_view()),
    re_path(rf"{_ID}/?$", sessions.OneSession.as_view()),
    re_path(rf"{_ID}/exists/?$", sessions.Exists.as_view()),
    re_path(rf"{_ID}/config/?$", config.Config.as_view()),
    re_path(rf"{_ID}/extend/?$", sessions.Extend.as_view()),
    re_path(rf"{_ID}/observe-sequence/?$", observing.ObserveSequence.as_view()),
    re_path(rf"{_ID}/clear-stm/?$", observing.ClearStm.as_view()),
    re_path(rf"{_ID}/percept-data/?$", observing.PerceptData.as_view()),
    re_path(rf"{_ID}/.*$", sessions.UnknownSubPath.as_view()),
]
