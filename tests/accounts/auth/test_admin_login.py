"""The panel has no sign-in, sign-out or change of password of its own, for strangers, members and staff alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings

from accounts.models import AuditEntry, SignIn, User
from accounts.staff import groups
from tests import factories

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
PASSWORD = "correct horse"
FORM = {"username": "boss", "password": PASSWORD, "login": "boss"}


@pytest.fixture
def moderator() -> User:
    groups.sync()
    user = factories.make_user("mod", is_staff=True)
    user.groups.set(Group.objects.filter(name=groups.MODERATORS))
    return user


def way_back(answer: Any) -> tuple[str, str]:
    """Where a redirect leads, and its `next`."""
    place, _mark, query = answer["Location"].partition("?")
    return place, parse_qs(query)["next"][0]


def who(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize(
    "address", ["/admin/login/", "/admin/login/?next=/admin/", "/admin/password_change/"]
)
def test_a_password_posted_to_the_panel_by_staff_changes_no_session(
    moderator: User, staff: User, client_of: ClientOf, password: str, address: str
) -> None:
    client = client_of(moderator)
    before = client.cookies["sessionid"].value
    passwords = {
        "old_password": password,
        "new_password1": "quite another 77",
        "new_password2": "quite another 77",
    }
    answer = client.post(address, {**FORM, **passwords, "password": password, "next": "/admin/auth/group/"})
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/")
    assert (who(client), client.cookies["sessionid"].value) == (str(moderator.pk), before)
    assert client.get("/admin/auth/group/").status_code == 403
    moderator.refresh_from_db()
    assert moderator.check_password(PASSWORD)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_password_posted_to_the_panel_by_a_stranger_opens_nothing(staff: User, password: str) -> None:
    client = Client()
    answer = client.post("/admin/login/", {**FORM, "password": password, "next": "/admin/"})
    assert way_back(answer) == ("/accounts/login/", "/admin/")
    assert who(client) is None


def test_staff_that_is_signed_in_goes_where_it_wanted_to(staff: User, client_of: ClientOf) -> None:
    client = client_of(staff)
    for address in ("/admin/login/", "/admin/login/?next=/admin/"):
        assert client.get(address, follow=True).redirect_chain[-1] == ("/admin/", 302)


def test_a_member_is_told_that_the_panel_is_not_for_them(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    assert client.get("/admin/login/").status_code == client.post("/admin/login/", FORM).status_code == 403
    assert who(client) == str(alice.pk)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("/admin/auth/group/?q=a%20b", "/admin/auth/group/?q=a%20b"),
        ("https://evil.example/", "/admin/"),
        ("//evil.example/", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_the_way_back_is_kept_and_leads_to_no_other_house(asked: str, kept: str) -> None:
    for answer in (
        Client().get("/admin/login/", {"next": asked}),
        Client().post("/admin/login/", {"next": asked}),
    ):
        assert way_back(answer) == ("/accounts/login/", kept)


def test_the_way_back_is_walked_after_the_sign_in(staff: User) -> None:
    client = Client()
    asked = client.get("/admin/auth/group/?q=x", follow=True)
    answer = client.post(asked.redirect_chain[-1][0], {"login": "boss", "password": PASSWORD})
    assert answer["Location"] == "/admin/auth/group/?q=x"
    assert client.get(answer["Location"]).status_code == 200


def test_each_sign_in_of_staff_is_on_record_and_listed_at_once(staff: User) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "boss", "password": "wrong"})
    client.post("/accounts/login/?next=/admin/", {"login": "boss", "password": PASSWORD})
    assert list(SignIn.objects.order_by("id").values_list("user", "succeeded")) == [
        (staff.pk, False),
        (staff.pk, True),
    ]
    assert AuditEntry.objects.filter(action="staff.sign_in", actor=staff).count() == 1
    assert [seat.is_here for seat in client.get("/accounts/sessions/").context["seats"]] == [True]


def test_the_panels_sign_out_is_the_pages(staff: User, alice: User, client_of: ClientOf) -> None:
    for user in (staff, alice):
        client = client_of(user)
        asked = client.get("/admin/logout/")
        assert (asked.status_code, asked["Location"]) == (307, "/accounts/logout/") and who(client)
        done = client.post("/admin/logout/?next=/gallery/")
        assert (done.status_code, done["Location"]) == (307, "/accounts/logout/?next=%2Fgallery%2F")
        assert client.post(done["Location"])["Location"] == "/gallery/" and who(client) is None


def test_the_panels_change_of_password_is_the_pages(staff: User, alice: User, client_of: ClientOf) -> None:
    for client in (client_of(staff), client_of(alice), Client()):
        for address in ("/admin/password_change/", "/admin/password_change/done/"):
            assert client.get(address)["Location"] == "/accounts/password/change/"


@override_settings(STAFF_TWO_FACTOR=True)
def test_staff_without_a_second_factor_gets_no_further_than_to_set_one_up(
    staff: User, client_of: ClientOf
) -> None:
    assert client_of(staff).get("/admin/login/?next=/admin/", follow=True).redirect_chain[-1] == (
        "/accounts/2fa/",
        302,
    )
