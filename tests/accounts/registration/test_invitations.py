"""Registration by invitation: made in the admin, used as often as it allows, and refused with a reason after that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import MICRO, AuditEntry, Invitation, LedgerEntry, Notice, Plan, User
from accounts.registration import admission, invitations
from accounts.site import site_rules
from tests import factories
from tests.accounts.auth.auth_forms import sign_up
from tests.support.races import together

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _by_invitation() -> None:
    site_rules.change(registration="invite")


def test_without_an_invitation_nobody_gets_in(client: Client) -> None:
    page = client.get("/accounts/signup/")
    assert "By invitation" in page.content.decode()
    assert sign_up(client, "dora", ok=False) is None


def test_an_invited_one_gets_in_with_the_credits_and_the_plan_of_the_invitation(
    client: Client, staff: User
) -> None:
    plan = Plan.objects.create(name="guests")
    row, path = invitations.make(staff, grant=30 * MICRO, plan=plan)
    assert client.get(path)["Location"] == "/accounts/signup/"
    dora = sign_up(client, "dora")
    account = factories.account_of(dora)
    assert account.balance == (settings.WELCOME_CREDITS + 30) * MICRO
    assert (account.plan_id, dora.invitation_id) == (plan.pk, row.pk)
    assert LedgerEntry.objects.filter(reference=f"invitation-{dora.pk}").count() == 1


def test_a_link_is_used_up_by_the_account_and_not_by_opening_it(client: Client, staff: User) -> None:
    row, path = invitations.make(staff)
    for _again in range(3):
        client.get(path)
    assert Invitation.objects.get(pk=row.pk).uses_left == 1
    sign_up(client, "dora")
    late = Client().get(path)
    assert late.status_code == 410 and "used up" in late.content.decode()


def test_an_invitation_that_another_used_meanwhile_makes_nobody(client: Client, staff: User) -> None:
    _row, path = invitations.make(staff)
    slower = Client()
    client.get(path)
    slower.get(path)
    sign_up(client, "dora")
    assert sign_up(slower, "eve", ok=False) is None
    assert not User.objects.filter(username="eve").exists()


def test_one_for_an_address_takes_that_address_alone_and_counts_it_as_checked(
    client: Client, staff: User
) -> None:
    _row, path = invitations.make(staff, email="Dora@Example.org")
    client.get(path)
    assert sign_up(client, "eve", email="eve@example.org", ok=False) is None
    dora = sign_up(client, "dora", email="dora@example.org")
    assert EmailAddress.objects.get(user=dora).verified


def test_an_address_that_another_account_has_confirmed_is_not_counted_as_checked_twice(
    client: Client, staff: User, alice: User
) -> None:
    EmailAddress.objects.create(user=alice, email="dora@example.org", verified=True, primary=True)
    _row, path = invitations.make(staff, email="dora@example.org")
    client.get(path)
    dora = sign_up(client, "dora", email="dora@example.org")
    assert not EmailAddress.objects.get(user=dora).verified
    assert EmailAddress.objects.get(user=alice).verified


@override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory")
def test_whoever_was_invited_by_mail_is_in_at_once_where_addresses_are_checked(
    client: Client, staff: User
) -> None:
    _row, path = invitations.make(staff, email="dora@example.org")
    client.get(path)
    sign_up(client, "dora", email="dora@example.org")
    assert client.get("/account/").status_code == 200


def test_a_link_that_ended_was_revoked_or_never_was_says_so(client: Client, staff: User) -> None:
    ended, path = invitations.make(staff, days=1)
    Invitation.objects.filter(pk=ended.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "has ended" in client.get(path).content.decode()
    row, path = invitations.make(staff)
    assert invitations.revoke(row, staff, "wrong person")
    assert not invitations.revoke(row, staff, "again")
    assert "taken back" in client.get(path).content.decode()
    assert client.get("/accounts/invitation/never-was-such-a-secret-here/").status_code == 404
    assert client.get("/accounts/invitation/x/").status_code == 404


def test_a_member_does_not_use_up_an_invitation(alice: User, staff: User, client_of: ClientOf) -> None:
    row, path = invitations.make(staff)
    assert "signed in as alice" in client_of(alice).get(path).content.decode()
    assert Invitation.objects.get(pk=row.pk).uses_left == 1


def test_closed_is_closed_for_the_invited_too(client: Client, staff: User) -> None:
    _row, path = invitations.make(staff)
    client.get(path)
    site_rules.change(registration="closed")
    assert sign_up(client, "dora", ok=False) is None


def test_where_everybody_may_come_an_invitation_still_gives_its_credits(client: Client, staff: User) -> None:
    site_rules.change(registration="open")
    _row, path = invitations.make(staff, grant=MICRO)
    client.get(path)
    dora = sign_up(client, "dora")
    assert factories.account_of(dora).balance == (settings.WELCOME_CREDITS + 1) * MICRO


def test_a_new_account_gets_the_plan_for_new_accounts(client: Client) -> None:
    site_rules.change(registration="open")
    plan = Plan.objects.create(name="free", is_default=True)
    assert factories.account_of(sign_up(client, "dora")).plan_id == plan.pk


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_as_many_get_in_as_it_has_uses(staff: User) -> None:
    site_rules.change(registration="invite")
    row, path = invitations.make(staff, uses=2)
    clients = [Client() for _number in range(6)]
    for one in clients:
        one.get(path)
    made = together([partial(sign_up, one, f"guest{number}", ok=None) for number, one in enumerate(clients)])
    assert sum(user is not None for user in made) == 2, made
    assert User.objects.filter(invitation=row).count() == 2
    assert Invitation.objects.get(pk=row.pk).uses_left == 0


# -- In the admin ---------------------------------------------------------------------------------------------


def invite(client: Client, *, host: str = "testserver", **form: object) -> str:
    data = {"count": 1, "uses": 1, "days": 14, **form}
    answer = client.post("/admin/accounts/invitation/add/", data, headers={"host": host})
    assert answer.status_code == 200, answer.content.decode()[:500]
    return answer.content.decode()


def test_the_desk_shows_links_once_and_keeps_their_digests(staff: User, client_of: ClientOf) -> None:
    page = invite(client_of(staff), count=3, note="=HYPERLINK()", grant="5")
    paths = [part.split("<")[0] for part in page.split("http://testserver")[1:]]
    assert len(paths) == 3
    rows = list(Invitation.objects.all())
    assert all(row.digest not in page for row in rows) and {row.grant for row in rows} == {5 * MICRO}
    assert Client().get(paths[0])["Location"] == "/accounts/signup/"
    again = client_of(staff).get("/admin/accounts/invitation/").content.decode()
    assert paths[0] not in again
    assert AuditEntry.objects.filter(action="invitation.make", actor=staff).count() == 3


@pytest.mark.parametrize(
    ("public", "leads_to"), [("", "http://studio.lan:8133"), ("https://here.example", "https://here.example")]
)
def test_links_at_the_desk_lead_where_the_operator_is_unless_an_address_is_set(
    staff: User, client_of: ClientOf, public: str, leads_to: str
) -> None:
    with override_settings(PUBLIC_URL=public, ALLOWED_HOSTS=["*"]):
        page = invite(client_of(staff), host="studio.lan:8133")
    assert f"{leads_to}/accounts/invitation/" in page


def test_addresses_are_each_sent_a_link_of_their_own(staff: User, client_of: ClientOf) -> None:
    page = invite(client_of(staff), emails="dora@example.org\neve@example.org")
    sent = list(Notice.objects.order_by("id"))
    assert [notice.address for notice in sent] == ["dora@example.org", "eve@example.org"]
    assert all(notice.link in page and notice.mail_owed for notice in sent)


@pytest.mark.parametrize(
    "form",
    [
        {"emails": "not an address"},
        {"count": 0},
        {"count": 100_000},
        {"uses": -1},
        {"days": 0},
        {"grant": "-5"},
        {"grant": "1e9"},
    ],
)
def test_the_desk_refuses_what_makes_no_sense(
    staff: User, client_of: ClientOf, form: dict[str, object]
) -> None:
    answer = client_of(staff).post(
        "/admin/accounts/invitation/add/", {"count": 1, "uses": 1, "days": 14, **form}
    )
    assert answer.status_code == 422
    assert not Invitation.objects.exists()


def test_credits_on_top_take_the_right_to_give_credits(client_of: ClientOf) -> None:
    from django.contrib.auth.models import Permission

    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="add_invitation"))
    invite(client_of(helper), grant="500")
    assert Invitation.objects.get().grant == 0


def test_revoking_asks_why_and_is_on_record(staff: User, client_of: ClientOf) -> None:
    row, _path = invitations.make(staff)
    chosen = {"action": "revoke", "_selected_action": [row.pk]}
    client = client_of(staff)
    assert "Reason" in client.post("/admin/accounts/invitation/", chosen).content.decode()
    client.post("/admin/accounts/invitation/", {**chosen, "answered": "1", "reason": "sent to the wrong one"})
    assert Invitation.objects.get(pk=row.pk).revoked_at is not None
    assert AuditEntry.objects.get(action="invitation.revoke").reason == "sent to the wrong one"


def test_the_kept_invitation_is_dropped_when_it_was_used(client: Client, staff: User) -> None:
    _row, path = invitations.make(staff, uses=5)
    client.get(path)
    sign_up(client, "dora")
    assert admission._SESSION_KEY not in client.session
