"""Requests that a browser without scripts sends to the console."""

import re
from collections.abc import Callable
from typing import Any

from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from sessions_app import operations
from sessions_app.observations import Observation

SESSIONS = "/admin/sessions_app/session/"


JOBS = "/admin/sessions_app/job/"


NODES = "/admin/memory_app/node/"


ROLES = ("viewer", "operator", "administrator")


LogIn = Callable[[str], Client]


def page(browser: Client, path: str, **query: str) -> str:
    response = browser.get(path, query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def act(browser: Client, base: str, name: str, *ids: str, **fields: Any) -> Any:
    return browser.post(f"{base}act/{name}/", {"id": ids, **fields})


def change(base: str, object_id: str) -> str:
    names = {SESSIONS: "sessions_app_session", JOBS: "sessions_app_job", NODES: "memory_app_node"}
    return reverse(f"admin:{names[base]}_change", args=[quote(object_id)])


def listed(html: str) -> list[str]:
    """The ids of the sessions on a page, in order."""
    return re.findall(r'name="_selected_action" value="([^"]+)"', html)


def with_stm(session_id: str, *events: str) -> str:
    for event in events or ("a", "b"):
        operations.observe(session_id=session_id, observation=Observation([*event], [], None, {}, {}, "u"))
    return session_id
