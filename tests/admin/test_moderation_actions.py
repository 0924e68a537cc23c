"""What moderators and operators do from the lists: hide, ban, revoke, withdraw, cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import MICRO, ApiToken, AuditEntry, User
from accounts.tokens import api_tokens
from gallery.models import Item, ShareLink
from predictions.models import Prediction, Status
from tests import factories

ClientOf = Callable[[User], Client]


@pytest.fixture
def staff_client(staff: User, client_of: ClientOf) -> Client:
    return client_of(staff)


def act(client: Client, model: Any, action: str, *rows: Any, **more: Any) -> Any:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return client.post(url, {"action": action, "_selected_action": [row.pk for row in rows], **more})


def test_hiding_asks_for_a_reason_first(staff_client: Client, alice: User) -> None:
    item = factories.make_item(alice, visibility="public")
    asked = act(staff_client, Item, "hide", item)
    assert asked.status_code == 200 and 'name="reason"' in asked.content.decode()
    assert act(staff_client, Item, "hide", item, answered="1", reason=" ").status_code == 422
    assert Item.objects.public().count() == 1


def test_hiding_takes_it_from_the_public_at_once(staff_client: Client, staff: User, alice: User) -> None:
    items = [factories.make_item(alice, visibility="public") for _number in range(2)]
    assert act(staff_client, Item, "hide", *items, answered="1", reason="Not ours to show").status_code == 302
    assert Item.objects.public().count() == 0
    assert set(Item.objects.values_list("hidden_reason", flat=True)) == {"Not ours to show"}
    assert [entry.get_change_message() for entry in LogEntry.objects.filter(user=staff)] == [
        "Hidden: Not ours to show"
    ] * 2


def test_what_was_hidden_is_shown_again(staff_client: Client, alice: User) -> None:
    item = factories.make_item(alice, visibility="public")
    act(staff_client, Item, "hide", item, answered="1", reason="a mistake")
    act(staff_client, Item, "restore", item)
    item = Item.objects.select_related("output").get()
    assert item.is_public and not item.output.withheld and item.hidden_reason == ""


def test_a_reader_may_not_hide(alice: User, client_of: ClientOf) -> None:
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename="view_item"))
    item = factories.make_item(alice, visibility="public")
    act(client_of(helper), Item, "hide", item, answered="1", reason="because")
    assert Item.objects.public().count() == 1


def test_hidden_items_are_a_filter(staff_client: Client, alice: User) -> None:
    hidden, _shown = factories.make_item(alice), factories.make_item(alice)
    act(staff_client, Item, "hide", hidden, answered="1", reason="r")
    found = (
        staff_client.get(reverse("admin:gallery_item_changelist"), {"hidden": "yes"})
        .context["cl"]
        .result_list
    )
    assert [item.pk for item in found] == [hidden.pk]


def test_a_ban_closes_every_door_and_can_be_lifted(
    staff_client: Client, alice: User, client_of: ClientOf, bearer: Callable[[User], dict[str, str]]
) -> None:
    headers, hers = bearer(alice), client_of(alice)
    asked = act(staff_client, User, "ban", alice)
    assert asked.status_code == 200 and 'name="reason"' in asked.content.decode()
    assert Client().get("/api/me", headers=headers).status_code == 200
    act(staff_client, User, "ban", alice, answered="1", reason="Spam.")
    assert Client().get("/api/me", headers=headers).status_code == 403
    assert hers.get("/account/").status_code == 302
    act(staff_client, User, "unban", alice, answered="1", reason="A mistake.")
    assert Client().get("/api/me", headers=headers).status_code == 200
    assert [(entry.action, entry.reason) for entry in AuditEntry.objects.order_by("number")] == [
        ("user.ban", "Spam."),
        ("user.unban", "A mistake."),
    ]


def test_a_mute_ends_on_a_day_that_every_zone_has(staff_client: Client, alice: User) -> None:
    far = {"until_0": "9999-12-31", "until_1": "23:59:59"}
    asked = act(staff_client, User, "mute", alice, answered="1", reason="Insults.", **far)
    assert asked.status_code == 422 and "until" in asked.context["form"].errors
    near = {"until_0": "2090-12-31", "until_1": "23:59:59"}
    assert act(staff_client, User, "mute", alice, answered="1", reason="Insults.", **near).status_code == 302


def test_nobody_bans_himself(staff_client: Client, staff: User) -> None:
    act(staff_client, User, "ban", staff, answered="1", reason="Oops.")
    staff.refresh_from_db()
    assert staff.is_active


def test_a_helper_makes_no_administrator(staff: User, alice: User, client_of: ClientOf) -> None:
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = client_of(helper)
    form = {
        "username": "helper",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "email": "h@example.org",
    }
    formset = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert (
        client.post(reverse("admin:accounts_user_change", args=[helper.pk]), {**form, **formset}).status_code
        == 302
    )
    helper.refresh_from_db()
    assert not helper.is_superuser
    act(client, User, "ban", staff, answered="1", reason="Now.")
    staff.refresh_from_db()
    assert staff.is_active
    assert client.get(reverse("admin:auth_user_password_change", args=[staff.pk])).status_code == 403


def test_a_user_is_added_with_an_account(staff_client: Client) -> None:
    words = "a long unusual phrase 7"
    form = {"username": "newcomer", "password1": words, "password2": words, "usable_password": "true"}
    assert staff_client.post(reverse("admin:accounts_user_add"), form).status_code == 302
    assert User.objects.get(username="newcomer").account is not None


def test_a_token_is_revoked(staff_client: Client, alice: User) -> None:
    plain = factories.make_token(alice)
    act(staff_client, ApiToken, "revoke", ApiToken.objects.get())
    assert api_tokens.look_up(plain) is None
    assert LogEntry.objects.get().get_change_message() == "Revoked."


def test_a_share_link_is_withdrawn(staff_client: Client, alice: User) -> None:
    share = factories.make_share_link(factories.make_item(alice))
    listed = staff_client.get(reverse("admin:gallery_sharelink_changelist")).content.decode()
    assert share.token not in listed
    act(staff_client, ShareLink, "withdraw", share)
    assert ShareLink.objects.open().count() == 0


def test_a_moderator_withdraws_no_share_link_of_staff(
    staff_client: Client, staff: User, alice: User, client_of: ClientOf
) -> None:
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["view_sharelink", "change_sharelink"])
    )
    links = [factories.make_share_link(factories.make_item(one)) for one in (alice, staff, helper)]
    act(client_of(helper), ShareLink, "withdraw", *links)
    assert set(ShareLink.objects.open()) == set(links[1:])
    act(staff_client, ShareLink, "withdraw", links[2])
    assert set(ShareLink.objects.open()) == {links[1]}


def test_live_predictions_are_canceled_and_their_holds_returned(staff_client: Client, alice: User) -> None:
    live = factories.make_prediction(alice, ceiling=3 * MICRO)
    done = factories.make_prediction(alice, status=Status.SUCCEEDED)
    act(staff_client, Prediction, "cancel", live, done)
    live.refresh_from_db()
    done.refresh_from_db()
    assert (live.shown_status, done.shown_status) == ("canceled", "succeeded")
    account = factories.account_of(alice)
    assert (account.balance, account.held) == (99 * MICRO, 0)


@pytest.mark.django_db
def test_a_helper_takes_over_nobody(client_of: ClientOf) -> None:
    wanted = [
        "view_user",
        "change_user",
        "add_emailaddress",
        "change_emailaddress",
        "change_group",
        "add_group",
    ]
    helper, other = (factories.make_user(name, is_staff=True) for name in ("helper", "other"))
    helper.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client = client_of(helper)
    words = "a long unusual phrase 7"
    passwords = {"password1": words, "password2": words, "usable_password": "true"}
    assert (
        client.post(reverse("admin:auth_user_password_change", args=[other.pk]), passwords).status_code == 403
    )
    address = {"user": other.pk, "email": "mine@example.org", "verified": "on", "primary": "on"}
    assert client.post(reverse("admin:account_emailaddress_add"), address).status_code == 403
    assert client.post(reverse("admin:auth_group_add"), {"name": "everything"}).status_code == 403
    act(client, User, "ban", other, answered="1", reason="Now.")
    other.refresh_from_db()
    assert other.is_active
