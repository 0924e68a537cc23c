"""Lookups in the URL of a list: only those of its own filters, so that hidden columns cannot be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import Notice, User
from accounts.staff import groups as levels
from accounts.staff import list_search
from core.admin.model_admins import AuditedAdmin
from gallery.models import ShareLink
from tests import factories
from tests.runner.sampling import one_in, one_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def helper_with(*codenames: str) -> User:
    """A member of staff with these rights and no others."""
    helper = factories.make_user("helga", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=helper.pk)


@pytest.fixture
def moderator(client_of: ClientOf) -> Client:
    """A client of the lower level of staff."""
    one = factories.make_user("mona", is_staff=True)
    one.groups.add(Group.objects.get(name=levels.MODERATORS))
    return client_of(User.objects.get(pk=one.pk))


@pytest.mark.parametrize(
    "query", ["email__startswith=alice", "own_balance__gte=1", "first_name__startswith=A", "password__gte=a"]
)
def test_who_sees_no_addresses_and_no_money_finds_nobody_by_them(
    moderator: Client, alice: User, query: str
) -> None:
    assert moderator.get("/admin/accounts/user/?is_active__exact=1").status_code == 200
    assert moderator.get(f"/admin/accounts/user/?{query}").status_code == 400


def test_the_address_of_a_share_link_is_not_read_out_sign_by_sign(moderator: Client, alice: User) -> None:
    item = factories.make_item(alice)
    share = ShareLink.objects.create(item=item, created_by=alice)
    page = moderator.get("/admin/gallery/sharelink/", {"token__startswith": share.token[:5]})
    assert page.status_code == 400


def test_the_key_of_a_session_and_where_a_notice_leads_are_not_read_out(
    staff: User, alice: User, client_of: ClientOf
) -> None:
    helper = client_of(helper_with("view_usersession", "view_notice"))
    UserSession.objects.create(user=staff, ip="127.0.0.1", session_key="abcdef", user_agent="x", data={})
    Notice.objects.create(user=alice, kind="export.ready", link="/secret/")
    assert helper.get("/admin/usersessions/usersession/").status_code == 200
    assert helper.get("/admin/usersessions/usersession/?session_key__startswith=a").status_code == 400
    assert helper.get("/admin/accounts/notice/?mail_owed__exact=0").status_code == 200
    assert helper.get("/admin/accounts/notice/?link__startswith=/s").status_code == 400


def test_a_token_is_found_by_its_owners_address_only_by_who_sees_addresses(
    staff: User, alice: User, client_of: ClientOf
) -> None:
    factories.make_token(alice)
    helper, boss = client_of(helper_with("view_apitoken")), client_of(staff)
    found = [
        [row.user for row in client.get("/admin/accounts/apitoken/", {"q": words}).context["cl"].result_list]
        for client in (helper, boss)
        for words in ("alice", alice.email)
    ]
    assert found == [[alice], [], [alice], [alice]]


def test_every_list_is_asked_by_what_it_offers_alone(staff: User, client_of: ClientOf) -> None:
    staff_client = client_of(staff)
    request = RequestFactory().get("/")
    request.user = staff
    panels = admin.site._registry
    for model in one_in(5, panels, lambda model: model._meta.label):
        page = staff_client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        for spec in page.context["cl"].filter_specs:
            for name in spec.expected_parameters():
                assert panels[model].lookup_allowed(str(name), "1", request), (model, name)
    for model, panel in panels.items():
        assert isinstance(panel, AuditedAdmin), model
        offered = {str(one[0] if isinstance(one, list | tuple) else one) for one in panel.list_filter}
        hidden = [one.name for one in model._meta.fields if one.name not in offered]
        open_ones = [name for name in hidden if panel.lookup_allowed(f"{name}__startswith", "a", request)]
        assert open_ones == [], model


@pytest.mark.parametrize(
    ("address", "column", "moment"),
    [
        (address, column, moment)
        for address, column in [
            ("/admin/accounts/ledgerentry/", "created_at"),
            ("/admin/accounts/ledgerentry/csv/", "created_at"),
            ("/admin/accounts/auditentry/", "at"),
            ("/admin/accounts/purchase/", "created_at"),
            ("/admin/gallery/item/", "created_at"),
        ]
        for moment in one_of(
            ["0001-01-01", "0001-01-01 00:00:00+14:00", "9999-12-31 23:59:59-12:00"], of=(address, column)
        )
    ],
)
def test_a_time_at_the_end_of_the_calendar_is_an_answer_and_no_failure(
    staff: User, client_of: ClientOf, address: str, column: str, moment: str
) -> None:
    answer = client_of(staff).get(address, {f"{column}__gte": moment}, follow=True)
    assert answer.status_code == 200


def test_a_list_says_that_words_are_looked_for_in_its_newest_rows_alone(
    staff: User, alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(staff)
    old = factories.make_prediction(alice, input={"prompt": "a lighthouse"})
    factories.make_prediction(alice, input={"prompt": "a lighthouse"})

    def page(words: str) -> tuple[int, bool]:
        answer = client.get("/admin/predictions/prediction/", {"q": words})
        return len(answer.context["cl"].result_list), "in the newest" in answer.content.decode()

    assert page("lighthouse") == (2, False)
    monkeypatch.setattr(list_search, "NEWEST", 1)
    assert page("lighthouse") == (1, True)
    assert page(old.public_id)[0] == 1
    assert page("") == (2, False)


@pytest.mark.parametrize(
    ("address", "act", "key"),
    [
        (address, act, key)
        for address, act in [
            ("/admin/gallery/item/", "hide"),
            ("/admin/gallery/item/", "restore"),
            ("/admin/accounts/user/", "ban"),
            ("/admin/accounts/sanction/", "lift"),
        ]
        for key in one_of(["x", "\0", "9" * 40, "-" + "9" * 40], of=(address, act))
    ],
)
def test_what_is_no_key_of_a_row_is_no_choice_and_no_failure(
    staff: User, client_of: ClientOf, address: str, act: str, key: str
) -> None:
    form = {"action": act, "_selected_action": key, "answered": "1", "reason": "spam"}
    assert client_of(staff).post(address, form).status_code == 400
