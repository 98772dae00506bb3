"""Behaviours 14 and 15: missing sessions, and the absence of a limit."""

from functools import partial

import pytest

from tests.api.behaviours.session import create
from tests.support.clients import Client

NEVER_EXISTED = "session-00000000000000000000000000000000-0"


@pytest.mark.parametrize(
    ("method", "operation", "body"),
    [
        ("POST", "/observe", {"strings": ["lost"]}),
        ("POST", "/observe-sequence", {"observations": [{"strings": ["lost"]}]}),
        ("GET", "/stm", None),
        ("POST", "/clear-stm", None),
        ("GET", "/percept-data", None),
        ("POST", "/config", {"recall_threshold": 0.5}),
        ("POST", "/extend?ttl_seconds=60", None),
        ("DELETE", "", None),
    ],
)
def test_a_session_that_never_existed_is_a_404_that_names_it(
    api: Client, method: str, operation: str, body: object
) -> None:
    """Behaviour 14. The body distinguishes this 404 from that of an unknown route, which caused the incident."""
    answer = api.request(method, f"/sessions/{NEVER_EXISTED}{operation}", json=body)

    assert answer.status == 404
    error = answer.body["error"]
    assert error["code"] == "SESSION_NOT_FOUND"
    assert error["session_id"] == NEVER_EXISTED
    assert NEVER_EXISTED in error["message"]
    assert "not found" in error["message"]


def test_a_node_may_have_any_number_of_sessions(api: Client, node: str) -> None:
    """Behaviour 15: there is no limit, so KATO's own check of it is empty."""
    sessions = api.gather([partial(create, api, node)] * 150, at_most=10)

    assert len({session.id for session in sessions}) == 150
    assert all(api.gather([session.exists for session in sessions], at_most=10))
    api.gather([session.delete for session in sessions], at_most=10)
