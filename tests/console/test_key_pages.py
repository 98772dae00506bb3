"""The console's pages of access keys: who may do what, and where a token is to be seen."""

import hashlib
import re
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client

from access_app import operations
from access_app.models import AccessKey
from access_app.operations import Issued
from foundation.callers import Scope
from tests.console.pages import ROLES, LogIn, act, page

pytestmark = pytest.mark.usefixtures("same_database")

KEYS = "/admin/access_app/accesskey/"
TOKEN = re.compile(r"kato_\w+_\w{40,}")


@pytest.fixture
def issued() -> Issued:
    return operations.create(name=f"key-{uuid4().hex[:12]}", scopes={Scope.READ}, nodes={"kitchen-"})


def form(**fields: Any) -> dict[str, Any]:
    return {"name": f"key-{uuid4().hex[:12]}", "scopes": ["read"], "nodes": "", **fields}


def rotation(browser: Client, key: AccessKey, hours: int = 24) -> dict[str, Any]:
    """What the page that asks would send."""
    html = page(browser, f"{KEYS}act/rotate/", id=key.id)
    [seen] = re.findall(r'name="seen"(?: value="([^"]*)")?', html)
    return {"hours": hours, "seen": seen}


# Looking -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_every_role_sees_what_keys_may_do_and_no_secret(role: str, log_in: LogIn, issued: Issued) -> None:
    browser = log_in(role)
    digest = bytes(AccessKey.objects.get(id=issued.key.id).digest).hex()
    for html in (page(browser, KEYS, q=issued.key.name), page(browser, f"{KEYS}{issued.key.id}/change/")):
        for shown in (issued.key.name, issued.key.id, "read", "kitchen-…", "valid"):
            assert shown in html
        for secret in (issued.token, issued.token.rpartition("_")[2], digest):
            assert secret not in html


def test_a_key_is_found_by_its_id_or_a_part_of_its_name(log_in: LogIn, issued: Issued) -> None:
    browser = log_in("viewer")
    for term in (issued.key.id, issued.key.name[2:12].upper()):
        assert f"{KEYS}{issued.key.id}/change/" in page(browser, KEYS, q=term)


@pytest.mark.parametrize("field", ["digest", "previous_digest", "digest__gt", "digest__startswith"])
def test_no_filter_tells_something_about_a_digest(field: str, log_in: LogIn, issued: Issued) -> None:
    assert log_in("viewer").get(KEYS, {field: "00"}).status_code == 400


# Acting --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_administrators_act_on_keys(role: str, log_in: LogIn, issued: Issued) -> None:
    browser, before = log_in(role), AccessKey.objects.count()
    html = page(browser, KEYS) + page(browser, f"{KEYS}{issued.key.id}/change/")
    assert [one for one in (f"{KEYS}add/", f"{KEYS}act/rotate/", f"{KEYS}act/revoke/") if one in html] == []
    assert browser.get(f"{KEYS}add/").status_code == 403
    assert browser.post(f"{KEYS}add/", form()).status_code == 403
    for name in ("rotate", "revoke"):
        assert browser.get(f"{KEYS}act/{name}/", {"id": issued.key.id}).status_code == 403
        assert act(browser, KEYS, name, issued.key.id, hours=0, seen="").status_code == 403
        ticked = {"action": name, "_selected_action": issued.key.id, "index": "0"}
        assert "cannot be" not in browser.post(KEYS, ticked, follow=True).content.decode()
    after = AccessKey.objects.get(id=issued.key.id)
    assert (AccessKey.objects.count(), after.revoked_at) == (before, None)
    assert bytes(after.digest) == bytes(AccessKey.objects.get(id=issued.key.id).digest)


def test_no_form_changes_or_deletes_a_key(log_in: LogIn, issued: Issued) -> None:
    browser = log_in("administrator")
    assert browser.post(f"{KEYS}{issued.key.id}/delete/", {"post": "yes"}).status_code == 403
    browser.post(f"{KEYS}{issued.key.id}/change/", {"name": "other", "scopes": ["admin"]})
    after = AccessKey.objects.get(id=issued.key.id)
    assert (after.name, after.scopes) == (issued.key.name, ["read"])


def test_a_new_key_has_what_the_form_says(log_in: LogIn) -> None:
    limits = {"rate": "2.5", "bytes_per_minute": 1000, "sessions": 3, "jobs": 4}
    fields = form(scopes=["write", "monitor"], nodes="shop-\r\n two words \r\n\r\none\u2028\x85line", days=90, **limits)
    answer = log_in("administrator").post(f"{KEYS}add/", fields)
    [token] = set(TOKEN.findall(answer.content.decode()))
    made = AccessKey.objects.get(name=fields["name"])
    assert bytes(made.digest) == hashlib.sha256(token.encode()).digest()
    assert (made.scopes, made.nodes) == (["monitor", "write"], [" two words ", "one\u2028\x85line", "shop-"])
    assert made.limits == {**limits, "rate": 2.5}
    assert made.expires_at is not None
    assert (made.expires_at - made.created_at).days == 90


def test_a_key_without_nodes_and_days_is_for_all_nodes_and_always(log_in: LogIn) -> None:
    fields = form()
    log_in("administrator").post(f"{KEYS}add/", fields)
    made = AccessKey.objects.get(name=fields["name"])
    assert (made.nodes, made.expires_at, made.limits) == (None, None, {})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "n" * 101}, "at most 100 characters"),
        ({"name": "a\u202eb"}, "printable"),
        ({"name": "a\0b"}, "Null characters"),
        ({"name": "Productions1"}, "could be the id of a key"),
        ({"nodes": "a\0b"}, "Null characters"),
        ({"nodes": "n" * 513}, "No node id has more than 512 characters"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["root"]}, "not one of the available choices"),
        ({"days": 0}, "greater than or equal to 1"),
        ({"days": 10**9}, "less than or equal to 36500"),
        ({"rate": "nan"}, "Enter a number"),
        ({"rate": "inf"}, "Enter a number"),
        ({"rate": 0}, "greater than or equal to 0.001"),
        ({"sessions": 10**30}, "less than or equal to"),
        ({"jobs": -1}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_form_is_explained_and_creates_nothing(wrong: dict[str, Any], reason: str, log_in: LogIn) -> None:
    before = AccessKey.objects.count()
    answer = log_in("administrator").post(f"{KEYS}add/", form(**wrong))
    assert answer.status_code == 200
    assert reason in answer.content.decode()
    assert AccessKey.objects.count() == before


def test_a_form_that_is_sent_twice_creates_one_key(log_in: LogIn) -> None:
    browser, fields = log_in("administrator"), form()
    assert TOKEN.search(browser.post(f"{KEYS}add/", fields).content.decode())
    again = browser.post(f"{KEYS}add/", fields).content.decode()
    assert not TOKEN.search(again)
    assert "choose another name" in again
    assert AccessKey.objects.filter(name=fields["name"]).count() == 1


def test_a_rotation_gives_a_new_token_and_keeps_the_former_one_valid_as_long_as_asked(
    log_in: LogIn, issued: Issued
) -> None:
    browser = log_in("administrator")
    answer = act(browser, KEYS, "rotate", issued.key.id, **rotation(browser, issued.key, hours=1))
    [token] = set(TOKEN.findall(answer.content.decode()))
    rotated = AccessKey.objects.get(id=issued.key.id)
    assert bytes(rotated.digest) == hashlib.sha256(token.encode()).digest()
    assert bytes(rotated.previous_digest or b"") == hashlib.sha256(issued.token.encode()).digest()
    assert "Former token valid until" in page(browser, f"{KEYS}{issued.key.id}/change/")


def test_a_rotation_that_is_sent_twice_rotates_once(log_in: LogIn, issued: Issued) -> None:
    """Another rotation would end the former token, which clients still use."""
    browser = log_in("administrator")
    fields = rotation(browser, issued.key)
    assert TOKEN.search(act(browser, KEYS, "rotate", issued.key.id, **fields).content.decode())
    once = AccessKey.objects.get(id=issued.key.id)
    again = act(browser, KEYS, "rotate", issued.key.id, **fields)
    assert "was rotated meanwhile" in browser.get(again["Location"]).content.decode()
    assert AccessKey.objects.get(id=issued.key.id).digest == once.digest
    html = act(browser, KEYS, "rotate", issued.key.id, **rotation(browser, issued.key)).content.decode()
    assert TOKEN.search(html)
    assert "A token from before the last rotation" in html


def test_a_revoked_key_offers_nothing_more(log_in: LogIn, issued: Issued) -> None:
    browser = log_in("administrator")
    assert "at once and for ever" in page(browser, f"{KEYS}act/revoke/", id=issued.key.id)
    assert AccessKey.objects.get(id=issued.key.id).revoked_at is None
    assert act(browser, KEYS, "revoke", issued.key.id).status_code == 302
    assert AccessKey.objects.get(id=issued.key.id).revoked_at is not None
    html = page(browser, f"{KEYS}{issued.key.id}/change/")
    assert "revoked" in html
    assert "act/rotate" not in html
    for name in ("rotate", "revoke"):
        refused = browser.post(f"{KEYS}act/{name}/", {"id": issued.key.id, "hours": 0, "seen": ""}, follow=True)
        assert "is revoked" in refused.content.decode()


def test_several_keys_are_revoked_together_but_rotated_one_by_one(log_in: LogIn, issued: Issued) -> None:
    browser = log_in("administrator")
    other = operations.create(name=uuid4().hex, scopes={Scope.READ})
    both = (issued.key.id, other.key.id)
    assert act(browser, KEYS, "rotate", *both, hours=0, seen="").status_code == 404
    assert act(browser, KEYS, "revoke", *both).status_code == 302
    assert AccessKey.objects.filter(id__in=both, revoked_at=None).count() == 0


def test_a_missing_key_is_explained(log_in: LogIn) -> None:
    browser = log_in("administrator")
    for name in ("rotate", "revoke"):
        told = browser.post(f"{KEYS}act/{name}/", {"id": "none", "hours": 0, "seen": ""}, follow=True)
        assert "There is no key" in told.content.decode()
    assert browser.get(f"{KEYS}act/rotate/", {"id": "none"}).status_code == 200


# The token -----------------------------------------------------------------------------------------------------------


def tables_with(database: psycopg.Connection, text: str) -> list[str]:
    names = [name for (name,) in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    holding = 'SELECT count(*) FROM "{}" AS one WHERE one::text LIKE %s'
    return [name for name in names if database.execute(holding.format(name), [f"%{text}%"]).fetchone() != (0,)]


def test_a_token_is_on_one_page_only_which_is_not_cached(log_in: LogIn, database: psycopg.Connection) -> None:
    browser, fields = log_in("administrator"), form()
    answers = [browser.post(f"{KEYS}add/", fields)]
    key = AccessKey.objects.get(name=fields["name"])
    answers.append(act(browser, KEYS, "rotate", key.id, **rotation(browser, key)))
    for answer in answers:
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        [token] = set(TOKEN.findall(answer.content.decode()))
        assert not answer.cookies.get("messages")
        of_key = f"{KEYS}{key.id}/"
        others = (KEYS, "/admin/", f"{of_key}change/", f"{of_key}history/", f"{KEYS}act/rotate/?id={key.id}")
        assert [path for path in others if token in page(browser, path)] == []
        assert tables_with(database, token.rpartition("_")[2]) == []
    assert key.id not in str([one.get_decoded() for one in Session.objects.all()])
    done = LogEntry.objects.filter(object_id=key.id).order_by("action_time")
    assert [one.get_change_message() for one in done] == ["Created", "Rotated"]
