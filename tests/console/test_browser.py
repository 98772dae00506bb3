"""The console in a real browser: Chromium, light and dark, with the width of a desktop and of a phone.

The other files test the content of pages without a browser; these tests need one: scripts, charts, layout.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from uuid import uuid4

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Browser, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from benchmarks.stack import WebServer
from tests.support.browsers import PATIENCE, needs_chromium, running_chromium
from tests.support.sessions import NewSession, OpenSession

Scheme = Literal["light", "dark"]

# Of `/health/ready`, in the order of the first page.
PARTS = ["database", "redis", "broker", "worker", "upkeep", "disk", "clock", "neighbours"]

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def operator(server: WebServer, django_db_blocker: DjangoDbBlocker) -> str:
    """The name of an operator, which is also the password."""
    name = f"operator-{uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        User.objects.create_user(name, password=name, is_staff=True).groups.add(Group.objects.get(name="operator"))
        connection.close()
    return name


@pytest.fixture(scope="module")
def administrator(server: WebServer, django_db_blocker: DjangoDbBlocker) -> str:
    """The name of an administrator, which is also the password."""
    name = f"administrator-{uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        user = User.objects.create_user(name, password=name, is_staff=True)
        user.groups.add(Group.objects.get(name="administrator"))
        connection.close()
    return name


@pytest.fixture(scope="module")
def chromium(operator: str, administrator: str) -> Iterator[Browser]:
    """Starts after the users are made, which needs the database."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def console(server: WebServer, chromium: Browser, operator: str) -> Iterator[Callable[..., Page]]:
    """Open a window, logged in. A request to another host, a missing file or an error in a page fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_window(width: int = 1440, scheme: Scheme = "light", user: str = operator) -> Page:
        context = chromium.new_context(
            base_url=server.url, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("request", lambda sent: None if sent.url.startswith(server.url) else complaints.append(sent.url))
        page.goto("/admin/")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(user)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{server.url}/admin/")
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []


def test_an_operator_finds_a_session_sees_what_it_predicts_and_ends_it(
    console: Callable[..., Page], open_session: OpenSession, client: httpx.Client
) -> None:
    open_session().teach("w", "k", "ct", "m")
    asking = open_session()
    for event in ("k", "tp"):
        asking.observe(*event)
    page = console()
    page.locator("#nav-sidebar").get_by_text("Sessions", exact=True).click()
    page.keyboard.press("/")
    page.keyboard.type(asking.id[:30])
    page.keyboard.press("Enter")
    page.get_by_role("link", name=asking.id).click()
    timeline = page.locator(".prediction .events")
    expect(timeline.locator(".match")).to_have_text(["k", "t"])
    expect(timeline.locator(".missing")).to_have_text(["c"])
    expect(page.locator(".prediction .extra")).to_have_text(["p"])
    page.get_by_role("link", name="Expire now").click()
    expect(page.get_by_text("This cannot be undone")).to_be_visible()
    page.get_by_role("button", name="Expire now").click()
    expect(page.get_by_text(f"Expired: {asking.id}")).to_be_visible()
    assert client.get(f"/sessions/{asking.id}").status_code == 404


@pytest.mark.exhaustive
def test_ticked_sessions_are_extended_together_and_exported(
    console: Callable[..., Page], new_session: NewSession, client: httpx.Client, tmp_path: Path
) -> None:
    node = f"ticked-{uuid4().hex}"
    ids = [new_session(node_id=node) for _ in range(3)]
    page = console()
    page.goto(f"/admin/sessions_app/session/?node={node}")
    for session_id in ids[:2]:
        page.locator(f"input.action-select[value='{session_id}']").check()
    page.get_by_label("Select action to run").select_option("extend")
    page.get_by_role("button", name="Run").click()
    page.get_by_label("Seconds from now").fill("90000")
    page.get_by_role("button", name="Extend").click()
    expect(page.get_by_text("Extended: 2 of 2")).to_be_visible()
    lives = [client.get(f"/sessions/{one}").json()["ttl_seconds"] > 80_000 for one in ids]
    assert lives == [True, True, False]
    page.goto(f"/admin/sessions_app/session/{ids[0]}/change/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    file = tmp_path / "session.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["node_id"] == node


def test_an_administrator_creates_rotates_and_revokes_a_key(console: Callable[..., Page], administrator: str) -> None:
    name = f"key-{uuid4().hex[:8]}"
    page = console(user=administrator)
    page.locator("#nav-sidebar").get_by_text("Access keys", exact=True).click()
    page.locator("a.addlink").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("monitor").check()
    page.get_by_label("Only nodes whose ids begin with").fill("shop-")
    page.get_by_label("Valid for days").fill("30")
    page.get_by_role("button", name="Create").click()
    first = page.locator(".token").inner_text()
    assert re.fullmatch(r"kato_\w+_\w{40,}", first)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("monitor, read, write")).to_be_visible()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("The former token stays valid").select_option("for an hour")
    page.get_by_role("button", name="Rotate").click()
    assert page.locator(".token").inner_text() not in ("", first)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator(".facts").get_by_text("revoked", exact=True)).to_be_visible()
    page.get_by_role("link", name="History").click()
    for done in ("Created", "Rotated", "Revoked"):
        expect(page.get_by_text(done, exact=True)).to_be_visible()


def test_too_many_wrong_passwords_are_explained(server: WebServer, chromium: Browser) -> None:
    context = chromium.new_context(base_url=server.url, viewport={"width": 390, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    name = f"stranger-{uuid4().hex[:8]}"
    for _ in range(6):
        page.goto("/admin/login/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Too many wrong passwords")).to_be_visible()
    expect(page.get_by_text("Try again in 15 minutes")).to_be_visible()
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_label("Username")).to_be_visible()
    context.close()


@pytest.mark.exhaustive
def test_the_first_page_draws_its_charts_in_the_theme_that_is_chosen(console: Callable[..., Page]) -> None:
    page = console()
    expect(page.locator(".parts li strong")).to_have_text(PARTS, timeout=PATIENCE)
    drawn = (
        "[...document.querySelectorAll('canvas')].map(one => one.toDataURL().length > 1000 && one.clientHeight > 100)"
    )
    page.wait_for_function(f"{drawn}.every(Boolean)")
    assert page.evaluate(drawn) == [True] * 6
    for theme in ("light", "dark"):
        page.keyboard.press("Control+e")
        expect(page.locator("html")).to_have_class(theme)


@pytest.mark.parametrize(
    ("width", "scheme"), [pytest.param(1440, "dark", marks=pytest.mark.exhaustive), (390, "light")]
)
def test_pages_fit_desk_and_phone(
    width: int, scheme: Scheme, console: Callable[..., Page], open_session: OpenSession
) -> None:
    """Nothing is wider than the window, however long a symbol is."""
    teacher = open_session()
    long = "x" * 300
    teacher.post("observe-sequence", {"observations": [{"strings": [long]}, {"strings": ["a"]}], "learn_at_end": True})
    teacher.post("patterns/retire", {"pattern_ids": ["0" * 40], "why": long})
    asking = open_session()
    asking.observe(long)
    asking.observe("a")
    page = console(width, scheme)
    for path in (
        "/admin/",
        "/admin/sessions_app/session/",
        "/admin/access_app/accesskey/",
        f"/admin/sessions_app/session/{asking.id}/change/",
        f"/admin/sessions_app/session/act/extend/?id={asking.id}",
        "/admin/memory_app/node/",
        f"/admin/memory_app/node/{teacher.node}/patterns/",
        f"/admin/memory_app/node/{teacher.node}/acts/",
        f"/admin/memory_app/node/act/retire/?id={teacher.node}",
        "/admin/sessions_app/job/",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(f"/admin/sessions_app/session/{asking.id}/change/")
    expect(page.locator(".prediction").first).to_be_visible()
    page.locator(".prediction a").first.click()
    expect(page.get_by_role("heading", name="Pattern of")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (page.locator("html").get_attribute("class") == "dark") is (scheme == "dark")


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", [1040, 1280, 1400])
def test_the_acts_of_an_administrator_leave_room_for_the_way_back(
    width: int, console: Callable[..., Page], administrator: str, open_session: OpenSession
) -> None:
    session = open_session()
    session.teach("a", "b")
    page = console(width, user=administrator)
    for path in (
        f"/admin/sessions_app/session/{session.id}/change/",
        f"/admin/memory_app/node/{session.node}/change/",
        f"/admin/memory_app/node/{session.node}/acts/",
    ):
        page.goto(path)
        cut = "[...document.querySelectorAll('#header-inner h1 > *')].filter(one => one.scrollWidth > one.clientWidth)"
        assert page.evaluate(f"{cut}.map(one => one.innerText)") == [], path


@pytest.mark.exhaustive
def test_no_page_asks_for_what_its_policy_forbids(console: Callable[..., Page], open_session: OpenSession) -> None:
    """A violation of the Content-Security-Policy is an error in the browser's console, and so fails the test."""
    open_session().teach("a", "b")
    page = console()
    for path in ("/admin/memory_app/node/", "/admin/sessions_app/session/?state=idle", "/admin/password_change/"):
        page.goto(path)
    page.goto("/admin/sessions_app/session/")
    page.get_by_text("Filters").first.click()
    page.goto("/admin/sessions_app/session/")
    page.keyboard.press("Control+k")
    page.goto("/docs")
    page.get_by_text("Service name, version, uptime").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_text("kato-django").first).to_be_visible(timeout=PATIENCE)


@pytest.mark.exhaustive
def test_the_reference_page_works_without_the_logo_that_it_asks_for(server: WebServer, chromium: Browser) -> None:
    """Redoc's script has the address of its makers' logo in it. The policy of the page forbids to ask them."""
    page = chromium.new_page(base_url=server.url)
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/redoc")
    expect(page.get_by_role("heading", name="KATO API").first).to_be_visible(timeout=PATIENCE)
    page.get_by_placeholder("Search...").fill("observe")
    results = page.locator("[data-role='search:results']")
    expect(results).to_contain_text("Append one observation", timeout=PATIENCE)
    assert all("cdn.redoc.ly/redoc/logo-mini.svg" in complaint for complaint in complaints), complaints
    page.close()
