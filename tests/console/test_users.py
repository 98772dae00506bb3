"""Who may change which users and groups in the console: nobody gets more permissions than a superuser gave."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tests.console.logins import PASSWORD, operator
from tests.console.pages import LogIn, page

pytestmark = pytest.mark.usefixtures("same_database")

USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"
FRESH = "an entirely new password"


@pytest.fixture
def administrator(log_in: LogIn) -> Client:
    return log_in("administrator")


@pytest.fixture
def superuser() -> User:
    return operator(is_superuser=True, email=f"{uuid4().hex}@example.com")


def me(browser: Client) -> User:
    return User.objects.get(pk=browser.session["_auth_user_id"])


def member(group: str) -> User:
    user = operator()
    user.groups.add(Group.objects.get(name=group))
    return user


def form(user: User, **fields: Any) -> dict[str, Any]:
    """What the page of a user sends when nothing was changed, and `fields`."""
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "last_login_0": "", "last_login_1": ""}
    return {"username": user.username, "is_active": "on", "is_staff": "on", **dates, **fields}


# Permissions ---------------------------------------------------------------------------------------------------------


def everything() -> dict[str, Any]:
    return {
        "is_superuser": "on",
        "groups": [one.pk for one in Group.objects.all()],
        "user_permissions": [one.pk for one in Permission.objects.all()],
    }


def test_an_administrator_gives_nobody_permissions_not_even_with_a_forged_form(administrator: Client) -> None:
    other = operator()
    for user in (me(administrator), other):
        before = user.get_all_permissions()
        forged = form(user, first_name="Ada", **everything())
        assert administrator.post(f"{USERS}{user.pk}/change/", forged).status_code == 302
        after = User.objects.get(pk=user.pk)
        assert (after.first_name, after.is_superuser, after.get_all_permissions()) == ("Ada", False, before)


def test_the_page_of_a_user_shows_an_administrator_permissions_without_fields_for_them(administrator: Client) -> None:
    html = page(administrator, f"{USERS}{me(administrator).pk}/change/")
    assert "administrator" in html
    for name in everything():
        assert f'name="{name}"' not in html


def test_a_superuser_gives_permissions(superuser: User) -> None:
    browser = Client()
    browser.force_login(superuser)
    user, group = operator(), Group.objects.get(name="operator")
    assert browser.post(f"{USERS}{user.pk}/change/", form(user, groups=[group.pk])).status_code == 302
    assert [*user.groups.all()] == [group]
    assert browser.post(f"{GROUPS}add/", {"name": "night shift"}).status_code == 302
    Group.objects.get(name="night shift").delete()


def test_a_new_user_of_an_administrator_has_no_permissions(administrator: Client) -> None:
    name = uuid4().hex
    fields = {"username": name, "usable_password": "true", "password1": FRESH, "password2": FRESH, **everything()}
    assert administrator.post(f"{USERS}add/", {**fields, "is_staff": "on"}).status_code == 302
    made = User.objects.get(username=name)
    assert (made.is_superuser, made.is_staff, made.get_all_permissions()) == (False, False, set())


def test_nobody_but_a_superuser_changes_groups_even_with_the_permissions(administrator: Client) -> None:
    me(administrator).user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    group = Group.objects.get(name="viewer")
    held = {*group.permissions.all()}
    for path in (f"{GROUPS}add/", f"{GROUPS}{group.pk}/change/", f"{GROUPS}{group.pk}/delete/"):
        forged = {"name": "viewer", "permissions": [one.pk for one in Permission.objects.all()], "post": "yes"}
        assert administrator.post(path, forged).status_code == 403, path
    assert {*Group.objects.get(name="viewer").permissions.all()} == held


@pytest.mark.parametrize("is_active", [True, False])
def test_users_with_more_permissions_can_be_seen_but_not_taken_over(is_active: bool, log_in: LogIn) -> None:
    """Whoever sets the password of another user, or makes an account active again, gets its permissions."""
    browser = log_in("viewer")
    me(browser).user_permissions.set(Permission.objects.filter(codename__endswith="_user"))
    stronger = member("operator")
    User.objects.filter(pk=stronger.pk).update(is_active=is_active)
    assert stronger.username in page(browser, f"{USERS}{stronger.pk}/change/")
    assert browser.post(f"{USERS}{stronger.pk}/change/", form(stronger, username="stolen")).status_code == 403
    for path in ("password/", "delete/"):
        assert browser.get(f"{USERS}{stronger.pk}/{path}").status_code == 403
        assert browser.post(f"{USERS}{stronger.pk}/{path}", new_password(post="yes")).status_code == 403
    assert browser.post(f"{USERS}act/unlock/", {"id": stronger.pk}).status_code == 404
    after = User.objects.get(pk=stronger.pk)
    assert (after.username, after.is_active, after.password) == (stronger.username, is_active, stronger.password)
    weaker = member("viewer")
    assert browser.post(f"{USERS}{weaker.pk}/password/", new_password()).status_code == 302
    assert User.objects.get(pk=weaker.pk).check_password(FRESH)


def new_password(**fields: Any) -> dict[str, Any]:
    return {"password1": FRESH, "password2": FRESH, "usable_password": "true", "set-password": "", **fields}


# Superusers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [{}, {"q": "NAME"}, {"q": "EMAIL"}, {"is_superuser__exact": "1"}, {"username": "NAME"}, {"all": ""}]
)
def test_no_list_or_search_shows_an_administrator_a_superuser(
    query: dict[str, str], administrator: Client, superuser: User
) -> None:
    asked = {
        key: {"NAME": superuser.username, "EMAIL": superuser.email}.get(value, value) for key, value in query.items()
    }
    html = administrator.get(USERS, asked, follow=True).content.decode()
    assert f"{USERS}{superuser.pk}/change/" not in html
    assert superuser.email not in html.replace(f'value="{superuser.email}"', "")


@pytest.mark.parametrize("path", ["change/", "delete/", "history/", "password/", ""])
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_pages_of_a_superuser_look_to_an_administrator_like_those_of_nobody(
    path: str, method: str, administrator: Client, superuser: User
) -> None:
    LogEntry.objects.log_actions(superuser.pk, [superuser], 2, "a secret")
    forged = {**form(superuser, username="stolen", **everything()), **new_password(post="yes")}
    answers = []
    for key in (superuser.pk, 999_999_999):
        response = getattr(administrator, method)(
            f"{USERS}{key}/{path}", forged if method == "post" else {}, follow=True
        )
        html = response.content.decode()
        assert superuser.username not in html
        assert "a secret" not in html
        answers.append((response.status_code, [status for _, status in response.redirect_chain]))
    assert answers[0] == answers[1]
    after = User.objects.get(pk=superuser.pk)
    assert (after.username, after.password) == (superuser.username, superuser.password)


def test_no_action_of_the_list_reaches_a_superuser(administrator: Client, superuser: User) -> None:
    for action in ("delete_selected", "unlock"):
        ticked = {"action": action, "_selected_action": superuser.pk, "index": "0", "post": "yes"}
        html = administrator.post(USERS, ticked, follow=True).content.decode()
        assert superuser.username not in html
    assert User.objects.filter(pk=superuser.pk).exists()


def test_an_autocomplete_finds_no_superuser(administrator: Client, superuser: User) -> None:
    asked = {"app_label": "admin", "model_name": "logentry", "field_name": "user", "term": superuser.username}
    assert superuser.username not in administrator.get("/admin/autocomplete/", asked).content.decode()


def test_a_superuser_sees_superusers(superuser: User) -> None:
    browser = Client()
    browser.force_login(superuser)
    assert f"{USERS}{superuser.pk}/change/" in page(browser, USERS, q=superuser.username)
    assert 'name="is_superuser"' in page(browser, f"{USERS}{superuser.pk}/change/")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_the_other_groups_have_no_access_to_users(role: str, log_in: LogIn) -> None:
    browser, user = log_in(role), operator()
    for path in ("", "add/", f"{user.pk}/change/", f"{user.pk}/password/", f"{user.pk}/delete/", f"{user.pk}/history/"):
        assert browser.get(f"{USERS}{path}").status_code == 403, path
        assert browser.post(f"{USERS}{path}", new_password()).status_code == 403, path
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
