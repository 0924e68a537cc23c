"""A member deletes the account: a grace, a way back, then everything goes and a receipt says how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core import mail
from django.db import connection
from django.test import Client

from accounts import credits
from accounts.audit import checks as ledger_audit
from accounts.models import MICRO, Account, ApiToken, Invitation, LedgerEntry, Membership, User
from accounts.notifications import mail_queue
from accounts.organizations import management, roles
from accounts.site import site_rules
from accounts.tokens import api_tokens
from core.clock import after
from gallery import audit as gallery_audit
from gallery.items import publication
from gallery.models import (
    Closure,
    Collection,
    CollectionItem,
    Comment,
    Export,
    Follow,
    Item,
    Like,
    Preset,
    Report,
)
from gallery.privacy import closure, erasure
from predictions.audit import settlements as work_audit
from predictions.models import Delivery, DeliveryAttempt, Prediction, Status, StoredFile
from tests import factories
from tests.accounts.auth.auth_forms import just_signed_in
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
SECRET = "zanzibar-heliotrope"


@pytest.fixture(autouse=True)
def _awake() -> Iterator[None]:
    mail_queue.clear_pause()
    yield
    mail_queue.clear_pause()


def a_life(alice: User, bob: User) -> Item:
    """Something of everything, each with a word that is found nowhere else."""
    User.objects.filter(pk=alice.pk).update(display_name=SECRET, first_name=SECRET)
    item = picture_item(alice, f"a picture of {SECRET}")
    publication.publish(item, title=SECRET, tags=["sea"])
    factories.make_share_link(item)
    factories.make_upload(alice)
    theirs = picture_item(bob, "bob's")
    publication.publish(theirs, title="bob's")
    Comment.objects.create(item=theirs, user=alice, text=SECRET)
    Item.objects.filter(pk=theirs.pk).update(comments=1, likes=1, recent_likes=1)
    Like.objects.create(item=theirs, user=alice)
    Like.objects.create(item=item, user=bob)
    Follow.objects.create(follower=alice, followed=bob)
    Follow.objects.create(follower=bob, followed=alice)
    Report.objects.create(item=theirs, reporter=alice, reason="other", words=SECRET)
    shelf = Collection.objects.create(account=item.account, user=alice, title=SECRET, cover=item)
    CollectionItem.objects.create(collection=shelf, item=item, place=1, added_by=alice)
    Preset.objects.create(user=alice, model=item.model, name=SECRET)
    api_tokens.issue(alice, SECRET)
    failed = factories.make_prediction(alice, status=Status.FAILED)
    Prediction.objects.filter(pk=failed.pk).update(input={"prompt": SECRET}, logs=SECRET, error=SECRET)
    told = Delivery.objects.create(account=failed.account, prediction=failed, event="completed", body=SECRET)
    DeliveryAttempt.objects.create(delivery=told, number=1, answer_code=500)
    return theirs


def grace_ends() -> None:
    Closure.objects.update(due_at=after(-1))
    for _turn in range(60):
        if not closure.run_once():
            break


def adds_up() -> bool:
    found = [
        str(one) for part in (ledger_audit, work_audit, gallery_audit) for one in part.breaches(quick=False)
    ]
    assert found == []
    return True


def where_it_still_stands(word: str) -> list[str]:
    """Columns of any table of ours that have the word."""
    found = []
    for model in apps.get_models():
        table = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            names = [one[0] for one in cursor.description or ()]
            for row in cursor.fetchall():
                found += [
                    f"{model._meta.label}.{name}"
                    for name, value in zip(names, row, strict=True)
                    if word in str(value)
                ]
    return sorted(set(found))


def test_everything_goes_and_the_receipt_says_how_much(alice: User, bob: User) -> None:
    theirs = a_life(alice, bob)
    address = alice.email
    closure_request = closure.request_closure(alice)
    assert closure_request is not None
    grace_ends()
    closure_request.refresh_from_db()
    assert closure_request.finished_at is not None and closure_request.address == ""
    assert (
        closure_request.receipt["pictures"] == 1
        and closure_request.receipt["predictions"] >= 2
        and closure_request.receipt["tokens"] == 1
    )
    assert where_it_still_stands(SECRET) == []
    assert where_it_still_stands(address) == ["accounts.Notice.address"], (
        "the receipt is still to be sent there"
    )
    theirs.refresh_from_db()
    assert (theirs.likes, theirs.recent_likes, theirs.comments) == (0, 0, 0)
    kept = User.objects.get(pk=alice.pk)
    assert kept.username == f"deleted-{alice.pk}" and not kept.is_active and kept.erased_at is not None
    account = factories.account_of(alice)
    assert (account.balance, account.status) == (0, Account.Status.CLOSED)
    assert LedgerEntry.objects.filter(account=account).exists()
    assert (
        not StoredFile.objects.filter(state="kept")
        .exclude(output__item__account__name="bob")
        .filter(output__item__account_id=account.pk)
    )
    assert adds_up()
    mail_queue.run_once()
    (letter,) = mail.outbox[-1:]
    assert letter.to == [address] and f"/account/receipt/{closure_request.reference}/" in str(letter.body)
    assert where_it_still_stands(address) == [], "a sent receipt keeps no address"
    page = Client().get(f"/account/receipt/{closure_request.reference}/").content.decode()
    assert 'pictures with their files: <b class="tnum">1</b>' in page and "alice" not in page


def test_until_then_it_can_be_called_off(alice: User, client_of: ClientOf) -> None:
    item = picture_item(alice, "stays")
    client = client_of(alice)
    closure_request = closure.request_closure(alice)
    with pytest.raises(credits.AccountClosed):
        credits.hold(item.account_id, 1, "new-work")
    assert "Keep it" in client.get("/account/delete/").content.decode()
    client.post("/account/delete/stop/")
    closure_request.refresh_from_db()
    assert closure_request.called_off_at is not None
    assert factories.account_of(alice).status == Account.Status.ACTIVE
    grace_ends()
    assert Item.objects.filter(pk=item.pk).exists()
    assert not closure.cancel(closure_request)


def test_it_waits_for_its_grace(alice: User) -> None:
    picture_item(alice, "stays a while")
    closure_request = closure.request_closure(alice)
    assert (closure_request.due_at - closure_request.created_at).days == site_rules.current().closing_days
    assert not closure.run_once()
    assert Item.objects.count() == 1


def test_work_in_the_queue_is_ended_and_paid_back_first(alice: User) -> None:
    waiting = factories.make_prediction(alice)
    closure.request_closure(alice)
    grace_ends()
    waiting.refresh_from_db()
    assert waiting.status in (Status.CANCELED, Status.ABORTED)
    assert Closure.objects.get().finished_at is not None
    assert factories.account_of(alice).held == 0 and adds_up()


def test_what_a_provider_still_works_on_is_waited_for(alice: User) -> None:
    made = factories.make_prediction(alice, status=Status.FAILED)
    Prediction.objects.filter(pk=made.pk).update(upstream_open=True)
    closure.request_closure(alice)
    grace_ends()
    assert Closure.objects.get().finished_at is None
    Prediction.objects.filter(pk=made.pk).update(upstream_open=False)
    grace_ends()
    assert Closure.objects.get().finished_at is not None


def test_killed_anywhere_it_goes_on(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    a_life(alice, bob)
    closure.request_closure(alice)
    Closure.objects.update(due_at=after(-1))
    broken = {"left": 3}
    real = erasure._items

    def dies(closure_request: Closure) -> int:
        if broken["left"]:
            broken["left"] -= 1
            raise KeyError("killed")
        return real(closure_request)

    monkeypatch.setattr(
        erasure, "STAGES", tuple((n, dies if n == "pictures" else f) for n, f in erasure.STAGES)
    )
    for _turn in range(6):
        closure.run_once()
        Closure.objects.update(due_at=after(-1))
    grace_ends()
    assert broken["left"] == 0 and Closure.objects.get().finished_at is not None and adds_up()


def test_those_that_break_stand_before_no_other(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        closure.request_closure(factories.make_user(f"broken-{number}"))
    closure_request = closure.request_closure(alice)
    go = erasure.run_stage

    def broken(one: Closure) -> bool:
        if one.pk != closure_request.pk:
            raise RuntimeError
        return go(one)

    monkeypatch.setattr(erasure, "run_stage", broken)
    for number, one in enumerate(Closure.objects.order_by("pk")):
        Closure.objects.filter(pk=one.pk).update(due_at=after(number - 100))
    for _turn in range(60):
        if not closure.run_once() and closure.due().count() == 0:
            break
    closure_request.refresh_from_db()
    assert closure_request.finished_at is not None
    assert Closure.objects.filter(finished_at=None, due_at__gt=after(60)).count() == 6


def test_sign_in_and_tokens_are_blocked_when_it_begins(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    plain = api_tokens.issue(alice, "a")[1]
    closure.request_closure(alice)
    assert client.get("/library/").status_code == 200, "until then one can look and take things along"
    grace_ends()
    assert client.get("/library/").status_code == 302
    assert Client().get("/api/me", headers={"Authorization": f"Bearer {plain}"}).status_code == 401
    assert not ApiToken.objects.filter(user=alice, revoked_at__isnull=True).exists()


def test_the_page_wants_the_name_and_says_what_goes(alice: User) -> None:
    client = Client()
    alice.set_password("a quiet red lamp")
    alice.save()
    answer = client.post("/accounts/login/", {"login": "alice", "password": "a quiet red lamp"})
    assert answer.status_code == 302, answer.content.decode()
    session = client.session
    session["account_authentication_methods"][0]["at"] -= 600
    session.save()
    assert client.get("/account/delete/")["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": "a quiet red lamp"})
    picture_item(alice, "goes")
    assert "1 picture with its files" in client.get("/account/delete/").content.decode()
    assert client.post("/account/delete/", {"name": "bob"}).status_code == 422
    assert not Closure.objects.exists()
    assert client.post("/account/delete/", {"name": " Alice "}).status_code == 302
    assert Closure.objects.count() == 1


def test_staff_and_the_only_owner_of_others_are_asked_to_do_something_first(
    alice: User, bob: User, staff: User
) -> None:
    with pytest.raises(closure.CannotClose):
        closure.request_closure(staff)
    club = Account.objects.create(name="club", kind=Account.Kind.ORGANIZATION)
    Membership.objects.create(account=club, user=alice, role="owner")
    Membership.objects.create(account=club, user=bob, role="member")
    assert closure.obstacles(alice) == ["sole_owner"]
    Membership.objects.filter(user=bob, account=club).update(role="owner")
    assert closure.obstacles(alice) == []


def test_an_organisation_goes_and_its_members_stay(alice: User, bob: User, client_of: ClientOf) -> None:
    club = management.create(alice, "club")
    credits.grant(club, 5 * MICRO)
    Membership.objects.create(account=club, user=bob, role="member")
    management.act_for(bob, club.pk)
    picture_item(bob, f"a picture of {SECRET}")
    own = picture_item(alice, "alice's own")
    with pytest.raises(roles.NotYourRole):
        closure.request_closure(bob, club)
    closure.request_closure(alice, club)
    assert "club will be deleted" in client_of(bob).get("/account/notices/").content.decode()
    grace_ends()
    club.refresh_from_db()
    assert club.status == Account.Status.CLOSED and club.balance == 0
    assert where_it_still_stands(SECRET) == []
    bob.refresh_from_db()
    alice.refresh_from_db()
    assert bob.is_active and bob.account == management.personal_account_of(bob) and alice.is_active
    assert Item.objects.get() == own and adds_up()
    assert client_of(bob).get(f"/account/organizations/{club.pk}/").status_code == 404


def test_a_token_can_ask_for_it_and_take_it_back(alice: User) -> None:
    headers = {"Authorization": f"Bearer {api_tokens.issue(alice, 'a', scopes=['account'])[1]}"}
    ask = {"content_type": "application/json", "headers": headers}
    assert Client().post("/api/closure", {"username": "bob"}, **ask).status_code == 409
    assert Client().post("/api/closure", {}, **ask).status_code == 400
    asked = Client().post("/api/closure", {"username": "alice"}, **ask)
    assert asked.status_code == 200 and Client().get("/api/closure", headers=headers).json() == asked.json()
    assert Client().delete("/api/closure", headers=headers).status_code == 204
    assert Client().get("/api/closure", headers=headers).status_code == 404


def test_who_signed_up_by_the_name_of_the_deleted_is_in_nobodys_way(alice: User) -> None:
    factories.make_user(f"deleted-{alice.pk}")
    closure.request_closure(alice)
    grace_ends()
    alice.refresh_from_db()
    assert alice.erased_at is not None and alice.username.startswith(f"deleted-{alice.pk}-")


@pytest.mark.parametrize("shared", [True, False])
def test_an_address_that_another_account_gave_too_keeps_what_was_sent_there(
    alice: User, bob: User, shared: bool
) -> None:
    for user in (alice, bob) if shared else (alice,):
        EmailAddress.objects.create(user=user, email="both@example.org", primary=True)
    invited = Invitation.objects.create(digest="by-mail", email="both@example.org")
    closure.request_closure(alice)
    grace_ends()
    invited.refresh_from_db()
    assert invited.email == ("both@example.org" if shared else "")


def test_a_ban_that_ends_meanwhile_lets_nobody_in_again(alice: User) -> None:
    closure_request = closure.request_closure(alice)
    Closure.objects.update(due_at=after(-1))
    closure.run_once()
    User.objects.filter(pk=alice.pk).update(is_active=True)
    closure.run_once()
    alice.refresh_from_db()
    closure_request.refresh_from_db()
    assert closure_request.begun_at is not None and not alice.is_active


def test_a_token_of_an_organisation_neither_copies_nor_deletes_its_member(alice: User) -> None:
    club = management.create(alice, "club")
    management.act_for(alice, club.pk)
    headers = {"Authorization": f"Bearer {api_tokens.issue(alice, 'a', scopes=['account'])[1]}"}
    sent = {"content_type": "application/json", "headers": headers}
    assert Client().post("/api/closure", {"username": "alice"}, **sent).status_code == 403
    assert Client().post("/api/exports", **sent).status_code == 403
    assert Client().get("/api/exports", headers=headers).status_code == 403
    assert closure.pending_for_user(alice) is None


def test_a_token_deletes_nothing_unless_its_owner_said_so(alice: User) -> None:
    plain = api_tokens.issue(alice, "a")[1]
    headers = {"Authorization": f"Bearer {plain}"}
    ask = {"content_type": "application/json", "headers": headers}
    for answer in (
        Client().post("/api/closure", {"username": "alice"}, **ask),
        Client().post("/api/exports", **ask),
        Client().get("/api/sessions", headers=headers),
    ):
        assert answer.status_code == 403 and "lacks the scope `account`" in answer.json()["detail"]
    wider = Client().post("/api/tokens", {"name": "b", "scopes": ["account"]}, **ask)
    assert wider.status_code == 403, "nor makes one that does"
    assert closure.pending_for_user(alice) is None


def test_a_session_shows_once_more_who_it_is(alice: User, client_of: ClientOf) -> None:
    client, ask = client_of(alice), {"content_type": "application/json"}
    wanted = (
        ("/api/closure", {"username": "alice"}, 200),
        ("/api/exports", {}, 202),
        ("/api/tokens", {"name": "all", "scopes": ["account"]}, 201),
    )
    for address, body, _status in wanted:
        answer = client.post(address, body, **ask)
        assert answer.status_code == 403 and "/accounts/reauthenticate/" in answer.json()["detail"], address
    page = {"name": "all", "scopes_shown": "1", "scopes": ["read", "account"]}
    assert client.post("/account/tokens/", page)["Location"].startswith("/accounts/reauthenticate/")
    assert client.post("/account/export/")["Location"].startswith("/accounts/reauthenticate/")
    assert (
        not Export.objects.exists()
        and not ApiToken.objects.exists()
        and closure.pending_for_user(alice) is None
    )
    just_signed_in(client)
    assert client.post("/api/tokens", {"name": "usual"}, **ask).json()["scopes"] == [
        "read", "predict", "gallery", "admin",
    ]  # fmt: skip
    for address, body, status in reversed(wanted):
        assert client.post(address, body, **ask).status_code == status, address
    assert client_of(alice).delete("/api/closure").status_code == 204, "to keep it is open to every session"


def test_who_signs_in_within_the_grace_is_led_to_the_way_back(alice: User) -> None:
    closure.request_closure(alice)
    client = Client()
    form = {"login": "alice", "password": "correct horse", "next": "/library/"}
    answer = client.post("/accounts/login/", form)
    assert answer["Location"] == "/account/delete/"
    assert "Keep it" in client.get("/account/delete/").content.decode()
    client.post("/account/delete/stop/")
    client.post("/accounts/logout/")
    assert client.post("/accounts/login/", form)["Location"] == "/library/"


def test_requests_that_must_wait_block_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [factories.make_user() for _ in range(closure.AT_ONCE + 2)]
    for user in users:
        Closure.objects.create(user=user, account=factories.account_of(user), due_at=after(-1))
    seen: list[int] = []
    # As where something of theirs is still under way.
    monkeypatch.setattr(
        closure, "_process", lambda closure_request: seen.append(closure_request.user_id) or False
    )
    assert closure.run_once()
    assert not closure.run_once()
    assert sorted(seen) == sorted(user.pk for user in users)
