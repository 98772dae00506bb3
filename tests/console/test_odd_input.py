"""Whatever a browser sends to the console, it is refused or ignored, and is never a failure of the service."""

from urllib.parse import quote

import pytest
from django.test import Client

from tests.console.pages import JOBS, NODES, SESSIONS, LogIn

pytestmark = pytest.mark.usefixtures("same_database")

LISTS = (SESSIONS, JOBS, NODES)
ODD = ("a\0b", "\xed\xa0\x80", "9" * 400, "x" * 5000)
PARAMETERS = (
    "q",
    "p",
    "o",
    "state",
    "node",
    "after",
    "before",
    "window",
    "e",
    "_popup",
    "symbol",
    "frequency",
    "order",
)


@pytest.fixture
def browser(log_in: LogIn) -> Client:
    browser = log_in("administrator")
    browser.raise_request_exception = False
    return browser


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("name", PARAMETERS)
def test_odd_parameters(browser: Client, page: str, name: str) -> None:
    for value in ODD:
        assert browser.get(page, {name: value}).status_code in (200, 302, 400), value


@pytest.mark.parametrize("page", LISTS)
def test_odd_ids(browser: Client, page: str) -> None:
    for value in ODD:
        for path in (f"{quote(value)}/change/", f"act/extend/?id={quote(value)}", f"act/{quote(value)}/"):
            assert browser.get(page + path).status_code in (200, 302, 400, 404), path
        form = {"action": value, "_selected_action": value, "seconds": value}
        assert browser.post(f"{page}act/extend/", {"id": value, **form}).status_code in (200, 302, 400, 404)
        assert browser.post(page, form).status_code in (200, 302, 400, 403)


@pytest.mark.parametrize("value", ['"\\000' + "a" * 31 + '"', "x" * 5000, "\xff" * 32])
def test_odd_cookies(value: str) -> None:
    browser = Client(raise_request_exception=False)
    cookies = f"kato_console={value}; kato_console_csrf={value}; messages={value}"
    assert browser.get("/admin/", headers={"Cookie": cookies}).status_code in (302, 400)


def test_u0000_is_refused_in_addresses_and_explained_in_forms(browser: Client) -> None:
    """PostgreSQL cannot store it, so no page could show anything for it."""
    assert browser.get(SESSIONS, {"node": "\0"}).status_code == 400
    assert browser.get(SESSIONS, {"\0": "node"}).status_code == 400
    assert browser.get(f"{SESSIONS}%00/change/").status_code == 400
    assert browser.post(f"{SESSIONS}act/expire/", {"id": "\0"}).status_code == 404
    explained = Client().post("/admin/login/", {"username": "a\0b", "password": "c"})
    assert "Null characters are not allowed" in explained.content.decode()
