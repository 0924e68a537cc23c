"""Nobody raises their own rights: not by the panel, not by its forms' hidden fields, not by the API."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Account, ApiToken, AuditEntry, Membership, Sanction, User
from accounts.staff import groups, sanctions
from tests import factories
from tests.runner.sampling import one_in

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
WORDS = "a long unusual phrase 7"


def member_of(group: str, name: str) -> User:
    groups.sync()
    made = factories.make_user(name, is_staff=True)
    made.groups.set(Group.objects.filter(name=group))
    return User.objects.get(pk=made.pk)


LEVELS = (groups.OPERATORS, groups.MODERATORS)


@pytest.fixture(params=LEVELS)
def one(request: Any, db: None) -> User:
    return member_of(request.param, "one")


def everything() -> dict[str, Any]:
    """All that says who may do what."""
    return {
        "users": list(
            User.objects.order_by("pk").values(
                "username",
                "password",
                "email",
                "is_active",
                "is_staff",
                "is_superuser",
                "account_id",
                "display_name",
            )
        ),
        "groups": list(Group.objects.order_by("pk").values_list("name", "permissions")),
        "of groups": list(User.groups.through.objects.order_by("pk").values_list("user_id", "group_id")),
        "own": list(
            User.user_permissions.through.objects.order_by("pk").values_list("user_id", "permission_id")
        ),
        "addresses": list(EmailAddress.objects.order_by("pk").values_list("user_id", "email", "verified")),
        "memberships": list(Membership.objects.order_by("pk").values_list("user_id", "account_id", "role")),
        "balances": list(Account.objects.order_by("pk").values_list("balance", "status")),
        "tokens": list(ApiToken.objects.order_by("pk").values_list("user_id", "account_id", "scopes")),
        "record": AuditEntry.objects.count(),
    }


def attacks(me: User, boss: User, alice: User) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where each is sent, and with what."""
    rights = {
        "username": me.username, "is_active": "on", "is_staff": "on", "is_superuser": "on",
        "groups": [row.pk for row in Group.objects.all()],
        "user_permissions": [row.pk for row in Permission.objects.all()],
        "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    passwords = {"password1": WORDS, "password2": WORDS, "usable_password": "true"}
    group = Group.objects.get(name=groups.MODERATORS)
    address = EmailAddress.objects.filter(user=boss).first() or EmailAddress.objects.create(
        user=boss, email="boss@example.org", verified=True, primary=True
    )
    sanction = sanctions.warn(alice, None, "Before.")
    return {
        "makes itself an administrator": (reverse("admin:accounts_user_change", args=[me.pk]), rights),
        "changes an administrator": (
            reverse("admin:accounts_user_change", args=[boss.pk]),
            {**rights, "username": "b"},
        ),
        "changes a member": (
            reverse("admin:accounts_user_change", args=[alice.pk]),
            {**rights, "username": "alice", "email": "m@x.org"},
        ),
        "adds a user": (reverse("admin:accounts_user_add"), {"username": "second", **passwords}),
        "gives its group all rights": (
            reverse("admin:auth_group_change", args=[group.pk]),
            {"name": group.name, "permissions": [row.pk for row in Permission.objects.all()]},
        ),
        "makes a group": (reverse("admin:auth_group_add"), {"name": "everything"}),
        "deletes a group": (reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}),
        "sets an administrator's password": (
            reverse("admin:auth_user_password_change", args=[boss.pk]),
            passwords,
        ),
        "sets a member's password": (reverse("admin:auth_user_password_change", args=[alice.pk]), passwords),
        "takes an address over": (
            reverse("admin:account_emailaddress_change", args=[address.pk]),
            {"user": me.pk, "email": "boss@example.org", "verified": "on", "primary": "on"},
        ),
        "adds a checked address to another": (
            reverse("admin:account_emailaddress_add"),
            {"user": boss.pk, "email": "mine@example.org", "verified": "on", "primary": "on"},
        ),
        "joins another's account": (
            reverse("admin:accounts_membership_add"),
            {"user": me.pk, "account": boss.account_id, "role": "owner"},
        ),
        "makes a token for another": (
            reverse("admin:accounts_apitoken_add"),
            {"user": boss.pk, "account": boss.account_id, "name": "mine"},
        ),
        "makes a token for another by the API": (
            "/api/tokens",
            {"name": "mine", "user": boss.pk, "account": boss.account_id},
        ),
        "writes a sanction by hand": (
            reverse("admin:accounts_sanction_change", args=[sanction.pk]),
            {"user": boss.pk, "kind": "ban"},
        ),
        "bans its administrator": (
            reverse("admin:accounts_user_changelist"),
            {"action": "ban", "_selected_action": [boss.pk], "answered": "1", "reason": "Now."},
        ),
        "lifts what is imposed on itself": (
            reverse("admin:accounts_user_changelist"),
            {"action": "unban", "_selected_action": [me.pk], "answered": "1", "reason": "Now."},
        ),
        "deletes users": (
            reverse("admin:accounts_user_changelist"),
            {"action": "delete_selected", "_selected_action": [boss.pk], "post": "yes"},
        ),
        "deletes a user": (reverse("admin:accounts_user_delete", args=[boss.pk]), {"post": "yes"}),
    }


NAMES = [
    "makes itself an administrator", "changes an administrator", "changes a member", "adds a user",
    "gives its group all rights", "makes a group", "deletes a group", "sets an administrator's password",
    "sets a member's password", "takes an address over", "adds a checked address to another",
    "joins another's account", "makes a token for another", "writes a sanction by hand", "bans its administrator",
    "lifts what is imposed on itself", "deletes users", "deletes a user",
]  # fmt: skip


def test_the_attacks_are_all_tried(alice: User) -> None:
    me, boss = member_of(groups.MODERATORS, "one"), factories.make_staff("root")
    assert {*NAMES, "makes a token for another by the API"} == set(attacks(me, boss, alice))


@pytest.mark.parametrize(
    ("one", "name"),
    [case for name in NAMES for case in one_in(4, ((group, name) for group in LEVELS))],
    indirect=["one"],
)
def test_who_is_staff(one: User, alice: User, client_of: ClientOf, name: str) -> None:
    boss = factories.make_staff("root")
    address, form = attacks(one, boss, alice)[name]
    before = everything()
    answer = client_of(one).post(address, form)
    assert answer.status_code in (302, 403, 404), answer.status_code
    assert everything() == before


def test_a_token_for_another_is_one_of_ones_own(one: User, client_of: ClientOf) -> None:
    boss = factories.make_staff("root")
    sent = {"name": "mine", "user": boss.pk, "account": boss.account_id}
    client_of(one).post("/api/tokens", sent, content_type="application/json")
    assert {(row.user_id, row.account_id) for row in ApiToken.objects.all()} <= {(one.pk, one.account_id)}


@pytest.mark.parametrize(
    ("one", "field", "path"),
    [
        case
        for field in ("is_staff", "is_superuser", "groups", "user_permissions", "account", "is_active")
        for case in one_in(4, itertools.product(LEVELS, [field], ["/api/me", "/account/"]))
    ],
    indirect=["one"],
)
def test_fields_put_into_ones_own_profile_change_nothing(
    one: User, client_of: ClientOf, path: str, field: str
) -> None:
    before = everything()
    for method in ("post", "patch", "put"):
        ask = getattr(client_of(one), method)
        ask(path, {field: True, "display_name": "x"}, content_type="application/json")
    after = everything()
    for row in (*before["users"], *after["users"]):
        row.pop("display_name")
    assert after == before


def test_moderators_see_neither_addresses_nor_money_nor_hashes(alice: User, client_of: ClientOf) -> None:
    client = client_of(member_of(groups.MODERATORS, "one"))
    pages = [
        client.get(reverse("admin:accounts_user_changelist")).content.decode(),
        client.get(reverse("admin:accounts_user_change", args=[alice.pk])).content.decode(),
    ]
    for page in pages:
        assert "alice" in page
        for unseen in ("alice@example.org", "100.00", "pbkdf2", "md5$", alice.password):
            assert unseen not in page, unseen
    # Nor by asking whether there is such a one.
    found = client.get(reverse("admin:accounts_user_changelist"), {"q": "alice@example.org"})
    assert list(found.context["cl"].result_list) == []


def test_the_groups_are_brought_back_to_what_they_are() -> None:
    groups.sync()
    group = Group.objects.get(name=groups.MODERATORS)
    group.permissions.add(Permission.objects.get(codename="change_user"))
    group.permissions.remove(Permission.objects.get(codename="decide_case"))
    groups.sync()
    names = {
        f"{row.content_type.app_label}.{row.codename}"
        for row in group.permissions.select_related("content_type")
    }
    assert names == groups.permissions_of(groups.MODERATORS)


def test_every_right_that_is_named_exists_and_none_deletes() -> None:
    named = {*groups._MODERATION, *groups._OPERATION}
    there = {
        f"{row.content_type.app_label}.{row.codename}"
        for row in Permission.objects.select_related("content_type")
    }
    assert named <= there, named - there
    moderators, operators = groups.permissions_of(groups.MODERATORS), groups.permissions_of(groups.OPERATORS)
    assert moderators < operators
    assert not any(".delete_" in name for name in operators)
    raising = {"auth.", "account.", "admin."}
    assert not any(name.startswith(tuple(raising)) for name in operators)
    assert not {"accounts.change_user", "accounts.add_user", "accounts.add_membership"} & operators
    money = {
        name
        for name in moderators
        if any(word in name for word in ("ledger", "account_", "price", "token", "plan"))
    }
    assert money == set()


def test_a_ban_by_a_moderator_works_from_the_list(alice: User, client_of: ClientOf) -> None:
    client = client_of(member_of(groups.MODERATORS, "one"))
    form = {"action": "ban", "_selected_action": [alice.pk]}
    asked = client.post(reverse("admin:accounts_user_changelist"), form)
    assert asked.status_code == 200 and "No sign-in and no API from now on" in asked.content.decode()
    client.post(reverse("admin:accounts_user_changelist"), {**form, "answered": "1", "reason": "Spam."})
    assert Sanction.objects.get(user=alice).kind == "ban"
    assert LogEntry.objects.count() == 0


def test_who_decides_cases_sees_no_address_of_a_member(one: User, alice: User, client_of: ClientOf) -> None:
    EmailAddress.objects.update_or_create(user=alice, email="hidden@example.org", defaults={"verified": True})
    client = client_of(one)
    sees = one.has_perm("accounts.view_account")
    page = client.get(reverse("member", args=[alice.pk])).content.decode()
    assert ("hidden@example.org" in page) == sees
    assert alice.username in client.get(reverse("members"), {"q": alice.username}).content.decode()
    found = client.get(reverse("members"), {"q": "hidden@"}).content.decode()
    assert (reverse("member", args=[alice.pk]) in found) == sees


def test_every_migrate_makes_the_groups_whatever_apps_come_last() -> None:
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert set(Group.objects.values_list("name", flat=True)) == set(groups.NAMES)
