"""Manual credit movements: with a reason and a permission, once, in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import MICRO, Account, AuditEntry, LedgerEntry, Notice, User
from accounts.staff import sanctions
from tests import factories
from tests.runner.sampling import one_in

ClientOf = Callable[[User], Client]
ONCE = "0123456789abcdef01234567"


@pytest.fixture
def staff_client(staff: User, client_of: ClientOf) -> Client:
    return client_of(staff)


def page(user: User, verb: str) -> str:
    return reverse(f"admin:accounts_account_{verb}_credits", args=[user.account_id])


def send(
    client: Client, user: User, verb: str, amount: str, reason: str = "goodwill", once: str = ONCE
) -> int:
    answer = client.post(page(user, verb), {"amount": amount, "reason": reason, "once": once})
    return answer.status_code


def rows(user: User) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(account=user.account).exclude(reason="for a test").order_by("id"))


def test_an_adjustment_is_signed_reasoned_and_on_the_record(
    staff_client: Client, staff: User, alice: User
) -> None:
    assert send(staff_client, alice, "adjust", "-12.5", "Charged twice on Monday") == 302
    (entry,) = rows(alice)
    assert (entry.kind, entry.balance_delta, entry.actor) == (LedgerEntry.Kind.ADJUST, -12_500_000, staff)
    assert entry.reason == "Charged twice on Monday"
    assert factories.account_of(alice).balance == 87_500_000
    logged = LogEntry.objects.get()
    assert logged.user == staff and "−12.50: Charged twice on Monday" in logged.get_change_message()


def test_a_grant_adds(staff_client: Client, alice: User) -> None:
    assert send(staff_client, alice, "grant", "5") == 302
    assert [(entry.kind, entry.balance_delta) for entry in rows(alice)] == [("grant", 5 * MICRO)]


def test_what_is_given_by_hand_is_one_act_on_record(staff_client: Client, alice: User) -> None:
    for verb, amount, once in (("grant", "5", ONCE), ("adjust", "-1", ONCE[::-1])):
        before = AuditEntry.objects.count()
        assert send(staff_client, alice, verb, amount, "goodwill", once) == 302
        assert AuditEntry.objects.count() == before + 1
        act = AuditEntry.objects.latest("number")
        assert act.action == f"credits.{verb}" and act.reason == "goodwill"


@pytest.mark.parametrize(
    ("verb", "amount", "reason"),
    one_in(3, [
        ("adjust", "-100.01", "more than there is"), ("adjust", "0", "nothing"), ("adjust", "5", "  "),
        ("adjust", "many", "words"), ("grant", "-5", "negative"), ("grant", "0", "nothing"), ("grant", "", "empty"),
        ("grant", "1e9", "exponent"), ("grant", "2000000000", "too much"), ("adjust", "5", "x" * 301),
    ]),
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_moves(
    staff_client: Client, alice: User, verb: str, amount: str, reason: str
) -> None:
    assert send(staff_client, alice, verb, amount, reason) == 422
    assert rows(alice) == []
    assert not LogEntry.objects.exists()


def test_a_form_sent_twice_counts_once(staff_client: Client, alice: User) -> None:
    answer = staff_client.get(page(alice, "grant"))
    once = re.search(r'name="once" value="([0-9a-f]{24})"', answer.content.decode())
    assert once is not None
    assert send(staff_client, alice, "grant", "5", once=once.group(1)) == 302
    assert send(staff_client, alice, "grant", "5", once=once.group(1)) == 302
    assert factories.account_of(alice).balance == 105 * MICRO


def test_a_form_sent_again_says_what_it_did_the_first_time(
    staff_client: Client, alice: User, bob: User
) -> None:
    """Whatever it carries now: another account or amount under a used number is done to nobody."""
    assert send(staff_client, alice, "grant", "5", once=ONCE) == 302
    form = {"amount": "7", "reason": "other words", "once": ONCE}
    for user in (alice, bob):
        answer = staff_client.post(page(user, "grant"), form, follow=True)
        assert answer.redirect_chain == [
            (reverse("admin:accounts_account_change", args=[alice.account_id]), 302)
        ]
        assert "This form was sent before, and counted once: +5.00 credits for alice" in str(
            [str(message) for message in answer.context["messages"]]
        )
    assert [factories.account_of(user).balance for user in (alice, bob)] == [105 * MICRO, 100 * MICRO]
    assert LogEntry.objects.count() == 1


def test_two_forms_count_twice(staff_client: Client, alice: User) -> None:
    send(staff_client, alice, "grant", "5", once="a" * 24)
    send(staff_client, alice, "grant", "5", once="b" * 24)
    assert factories.account_of(alice).balance == 110 * MICRO


def helper_with(*permissions: str) -> User:
    user = factories.make_user("helper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def test_whoever_may_only_look_may_not_move(alice: User, client_of: ClientOf) -> None:
    client = client_of(helper_with("view_account", "change_account", "view_ledgerentry"))
    assert client.get(page(alice, "adjust")).status_code == 403
    assert send(client, alice, "adjust", "5") == 403
    assert send(client, alice, "grant", "5") == 403
    assert (
        page(alice, "adjust")
        not in client.get(reverse("admin:accounts_account_change", args=[alice.account_id])).content.decode()
    )
    assert rows(alice) == []


def test_the_permission_is_enough(alice: User, client_of: ClientOf) -> None:
    client = client_of(helper_with("view_account", "adjust_credits"))
    assert send(client, alice, "adjust", "5") == 302
    assert factories.account_of(alice).balance == 105 * MICRO


def test_a_balance_is_no_field_of_a_form(staff_client: Client, alice: User) -> None:
    form = {
        "name": "alice", "kind": "user", "status": "active", "in_flight_limit": "7", "balance": "999", "held": "1",
        "ledger-TOTAL_FORMS": "0", "ledger-INITIAL_FORMS": "0", "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert (
        staff_client.post(reverse("admin:accounts_account_change", args=[alice.account_id]), form).status_code
        == 302
    )
    account = factories.account_of(alice)
    assert (account.in_flight_limit, account.balance, account.held) == (7, 100 * MICRO, 0)


def test_what_an_account_is_and_how_it_stands_are_no_fields(staff_client: Client, alice: User) -> None:
    address = reverse("admin:accounts_account_change", args=[alice.account_id])
    form = {
        "name": "alice", "kind": "organization", "status": "closed", "in_flight_limit": "", "ledger-TOTAL_FORMS": "0",
        "ledger-INITIAL_FORMS": "0", "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert staff_client.post(address, form).status_code == 302
    account = factories.account_of(alice)
    assert (account.kind, account.status) == ("user", "active")


def stand(client: Client, account_id: int | None, verb: str, reason: str = "unpaid") -> int:
    return client.post(
        reverse(f"admin:accounts_account_{verb}", args=[account_id]), {"reason": reason}
    ).status_code


def test_an_account_is_suspended_with_a_reason_and_opened_again_on_record(
    staff_client: Client, staff: User, alice: User, bearer: Callable[[User], dict[str, str]], client: Client
) -> None:
    token = bearer(alice)
    assert client.get("/api/me", headers=token).status_code == 200
    assert stand(staff_client, alice.account_id, "suspend", " ") == 422
    assert stand(staff_client, alice.account_id, "suspend") == 302
    assert factories.account_of(alice).status == "suspended"
    assert client.get("/api/me", headers=token).status_code in {401, 403}
    entry = AuditEntry.objects.get(action="account.suspend")
    assert (entry.actor, entry.reason, entry.account_id) == (staff, "unpaid", alice.account_id)
    assert Notice.objects.get(user=alice, kind="account.suspended").params["reason"] == "unpaid"
    assert stand(staff_client, alice.account_id, "suspend") == 422
    assert stand(staff_client, alice.account_id, "reopen", "paid") == 302
    assert client.get("/api/me", headers=token).status_code == 200
    assert AuditEntry.objects.get(action="account.reopen").detail["after"] == {"status": "active"}
    assert stand(staff_client, alice.account_id, "reopen", "paid") == 422


def test_a_suspension_does_not_go_round_a_ban_or_a_closing(
    staff_client: Client, staff: User, alice: User
) -> None:
    sanctions.ban(alice, staff, "spam")
    assert stand(staff_client, alice.account_id, "reopen") == 422
    assert factories.account_of(alice).status == "suspended"
    for status in ("closing", "closed"):
        Account.objects.filter(pk=alice.account_id).update(status=status)
        assert (
            stand(staff_client, alice.account_id, "suspend")
            == stand(staff_client, alice.account_id, "reopen")
            == 422
        )
        assert factories.account_of(alice).status == status


def test_nobody_decides_about_their_own_account_nor_staff_about_staffs(
    client_of: ClientOf, staff: User
) -> None:
    helper = helper_with("view_account", "change_account")
    client = client_of(helper)
    assert stand(client, helper.account_id, "suspend") == 422
    assert stand(client, staff.account_id, "suspend") == 422
    assert stand(client_of(staff), helper.account_id, "suspend") == 302
    assert stand(client, helper.account_id, "reopen") == 422
    looker = client_of(factories.make_user("looker", is_staff=True))
    assert stand(looker, helper.account_id, "reopen") == 403


def test_an_unknown_account_is_not_found(staff_client: Client) -> None:
    assert staff_client.get(reverse("admin:accounts_account_adjust_credits", args=[10**6])).status_code == 404
