"""Every ModelAdmin: its list opens and searches with as many queries for many rows as for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import credits
from accounts.models import (
    MICRO,
    Account,
    AccountSpending,
    Announcement,
    ApiToken,
    AuditEntry,
    AuditMark,
    Dispute,
    EndedAllowance,
    Gift,
    Invitation,
    LedgerEntry,
    Membership,
    Notice,
    NoticeChoice,
    OrganizationInvitation,
    PaymentEvent,
    Plan,
    Purchase,
    RedeemCode,
    Redemption,
    Sanction,
    SecretFingerprint,
    SignIn,
    Site,
    Throttle,
    TokenSpending,
    User,
)
from accounts.staff import sanctions
from accounts.tokens import api_tokens
from gallery.models import (
    AccountDeed,
    Case,
    Closure,
    Collection,
    CollectionEditor,
    CollectionItem,
    Comment,
    Evidence,
    Export,
    Follow,
    Item,
    ItemTag,
    Like,
    Preset,
    ReaderChoice,
    Report,
    SearchRow,
    ShareLink,
    Tag,
)
from gallery.moderation.effects import takedown
from predictions import image_safety
from predictions.models import (
    AccountUsage,
    Beat,
    BlockedPicture,
    Classifier,
    Delivery,
    DeliveryAttempt,
    Deployment,
    FailureDay,
    FigureDay,
    HostedModel,
    IdempotencyKey,
    Output,
    PlanRule,
    Prediction,
    Preview,
    Price,
    PromptRule,
    QueueLook,
    RuleHit,
    Status,
    StoredFile,
    UnansweredCreate,
    UploadUse,
    UpstreamDay,
    UpstreamRun,
    UsageDay,
    Version,
)
from predictions.upstreams import run_records
from tests import factories
from tests.accounts.billing.billing_rows import make_money
from tests.predictions.upstreams import upstream_rows
from tests.runner.sampling import one_in

ClientOf = Callable[[User], Client]
OURS = [
    model for app in ("accounts", "predictions", "gallery") for model in apps.get_app_config(app).get_models()
]
HISTORY = [
    LedgerEntry, Prediction, Output, StoredFile, Beat, Delivery, DeliveryAttempt, IdempotencyKey, UnansweredCreate,
    AccountUsage, UploadUse, Preview, Item, ShareLink, Like, Follow, Comment, Report, Collection, CollectionItem,
    ApiToken, Membership, SecretFingerprint,
    TokenSpending, AccountSpending, AuditMark, RedeemCode, Redemption, Gift, Purchase, PaymentEvent,
    Dispute, EndedAllowance,
    UpstreamRun, UpstreamDay,
    AuditEntry, Sanction, Evidence, Case, AccountDeed, RuleHit, BlockedPicture, SignIn, Throttle,
    UsageDay, FailureDay, FigureDay, QueueLook,
]  # fmt: skip


def address(model: Any, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def fill(name: str) -> Item:
    """One more row of every model."""
    user = factories.make_user(name)
    api_tokens.issue(user, "test", day_limit=MICRO)
    Account.objects.filter(pk=user.account_id).update(plan=Plan.objects.create(name=name))
    credits.limit_account(factories.account_of(user), day=None, month=1000 * MICRO)
    AuditMark.objects.create(name=name, upto=1)
    SecretFingerprint.objects.create(kind="secret_key", digest=name)
    make_notices(user)
    make_money(user)
    item = factories.make_item(user)
    factories.make_share_link(item)
    make_social(user, item)
    case = Case.objects.create(kind="report", item=item, user=user, account=item.account, about=name)
    AccountDeed.objects.create(user=user, case=case, made_by=user, reason="spam")
    failed = factories.make_prediction(user, status=Status.FAILED)
    delivery = Delivery.objects.create(account=failed.account, prediction=failed, event="completed")
    DeliveryAttempt.objects.create(delivery=delivery, number=1, answer_code=500)
    owned = {"prediction": failed, "account": failed.account, "user": user, "body_hash": "0" * 64}
    IdempotencyKey.objects.create(key=name, **owned)
    UnansweredCreate.objects.create(request="0" * 32, instance=name, **owned)
    Preview.objects.create(prediction=factories.make_prediction(user), data=b"a look")
    Beat.objects.create(kind="work", instance=name, at=timezone.now())
    UploadUse.objects.create(upload=factories.make_upload(user), prediction=factories.make_prediction(user))
    Deployment.objects.create(owner="house", name=name, version=failed.version, input={"width": 512})
    upstream = upstream_rows.make_upstream(name)
    upstream_rows.make_route(upstream, failed.model, cost=MICRO)
    run_records.reserve(failed, upstream.keys.get().provider_name)
    make_sanctioned(user)
    make_rules(user)
    make_sign_in(user)
    make_figures(failed)
    Site.objects.get_or_create(pk=1)
    Announcement.objects.create(text_en=name, text_zh=name)
    return item


def make_sign_in(user: User) -> None:
    """An invitation, a sign-in, a session, a second factor and a connected social account."""
    Invitation.objects.create(digest=user.username, note=user.username, made_by=user)
    SignIn.objects.create(user=user, succeeded=True)
    Throttle.objects.create(what="password", who=user.username, count=1)
    # Before the session, which it would end.
    Authenticator.objects.create(user=user, type="totp", data={"secret": ""})
    UserSession.objects.create(user=user, ip="203.0.113.7", session_key=user.username, user_agent="curl/8")
    SocialAccount.objects.create(user=user, provider="house", uid=user.username)


def make_rules(user: User) -> None:
    """A prompt rule with what it does for a plan, a finding, a blocked picture and a classifier."""
    rule = PromptRule.objects.create(name=f"rule of {user.username}", text="axolotl")
    account = factories.account_of(user)
    PlanRule.objects.create(rule=rule, plan=account.plan, action="flag")
    RuleHit.objects.create(
        what="prompt",
        rule=rule,
        source=rule.name,
        action="flag",
        account=account,
        user=user,
        excerpt="axolotl",
    )
    image_safety.block(hashlib.sha256(user.username.encode()).hexdigest(), reason="Not ours to show", by=user)
    Classifier.objects.create(name=user.username, kind="webhook", target="https://judge.example/")


def make_sanctioned(user: User) -> None:
    """A warning, on record, and a picture that was removed."""
    sanctions.warn(user, None, "Be kind.")
    takedown.remove(factories.make_item(user), None, "Not ours to show")


def make_notices(user: User) -> None:
    """A notice, a mail preference, an invitation to an organisation, an export and a closure."""
    account = factories.account_of(user)
    Notice.objects.create(user=user, kind="credits.granted")
    NoticeChoice.objects.create(user=user, kind="credits.granted", mail=False)
    OrganizationInvitation.objects.create(
        account=account, email=f"{user.username}-asked@example.org", digest=user.username, made_by=user,
        expires_at=timezone.now(),
    )  # fmt: skip
    Export.objects.create(user=user, account=account)
    Closure.objects.create(user=user, account=account, due_at=timezone.now())


def make_social(user: User, item: Item) -> None:
    """A row of every social model: tags, likes, comments, collections and so on."""
    other = factories.make_user(f"{user.username}-friend")
    ItemTag.objects.create(item=item, tag=Tag.objects.create(name=f"tag of {user.username}"))
    Like.objects.create(item=item, user=other)
    Follow.objects.create(follower=other, followed=user)
    comment = Comment.objects.create(item=item, user=other, text="well done")
    Report.objects.create(comment=comment, reason="other", reporter=user)
    shelf = Collection.objects.create(account=item.account, user=user, title="a shelf", cover=item)
    CollectionItem.objects.create(collection=shelf, item=item, place=1, added_by=user)
    CollectionEditor.objects.create(collection=shelf, user=other)
    Preset.objects.create(user=user, model=item.model, name="usual")
    ReaderChoice.objects.create(user=user, sensitive="show")
    SearchRow.objects.create(item=item)


def make_figures(failed: Prediction) -> None:
    """A day of usage figures, and a sample of the queue."""
    day = date(2026, 1, 1) + timedelta(days=FigureDay.objects.count())
    FigureDay.objects.create(day=day, zone="UTC")
    UsageDay.objects.create(day=day, account=failed.account, model=failed.model, failed=1)
    FailureDay.objects.create(day=day, model=failed.model, reason="ours", count=1)
    QueueLook.objects.create(waiting=1)


@pytest.fixture
def staff_client(staff: User, client_of: ClientOf) -> Client:
    return client_of(staff)


def test_every_model_of_ours_is_registered() -> None:
    assert [model for model in OURS if not admin.site.is_registered(model)] == []


def test_every_list_opens_searches_and_does_not_grow_its_queries(staff_client: Client) -> None:
    # One set of rows for all lists: creating it takes longer than reading them.
    fill("first")
    listed = one_in(10 if settings.ON_POSTGRES else 5, admin.site._registry, named)
    for model in listed:
        assert staff_client.get(address(model), {"q": "first 'x"}).status_code in (200, 302), model
    # The queries when it is opened for the second time.
    few = {model: opened(staff_client, model) for model in listed[::3]}
    for number in range(2):
        fill(f"more{number}")
    for model, before in few.items():
        many = opened(staff_client, model)
        assert len(many) <= len(before), (model, [query["sql"][:150] for query in many.captured_queries])


def named(model: Any) -> str:
    return str(model._meta.label)


def opened(staff_client: Client, model: Any) -> CaptureQueriesContext:
    """The queries of a model's list."""
    with CaptureQueriesContext(connection) as asked:
        assert staff_client.get(address(model)).status_code == 200, model
    return asked


def test_every_row_opens(staff_client: Client) -> None:
    fill("first")
    for model in one_in(6, OURS, named):
        row = model.objects.order_by("pk").last()
        page = staff_client.get(address(model, "change", row.pk))
        assert page.status_code == 200, (model, page)


def test_every_page_to_add_a_row_shows_nothing_that_is_not_there_yet(staff_client: Client) -> None:
    for model in one_in(4, OURS, named):
        page = staff_client.get(address(model, "add"))
        assert page.status_code in (200, 302, 403) and b"object at 0x" not in page.content, model


def test_history_is_neither_added_to_nor_changed_nor_deleted(staff_client: Client) -> None:
    # One set of rows for all of them, as above: nothing must change.
    fill("first")
    done = [fault for model in one_in(6, HISTORY, named) for fault in history_faults(staff_client, model)]
    assert not done, "\n".join(done)


def history_faults(staff_client: Client, model: Any) -> list[str]:
    """What the staff_client may do to a model's newest row that it should not."""
    row = model.objects.order_by("pk").last()
    before = list(model.objects.order_by("pk").values())
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    answers = {
        "add": staff_client.get(address(model, "add")),
        "change": staff_client.post(address(model, "change", row.pk), {"reason": "rewritten"}),
        "delete": staff_client.post(address(model, "delete", row.pk), {"post": "yes"}),
    }
    staff_client.post(address(model), chosen)
    faults = [
        f"{model}: {action} answers {answer.status_code}"
        for action, answer in answers.items()
        if answer.status_code != 403
    ]
    if list(model.objects.order_by("pk").values()) != before:
        faults.append(f"{model}: rows have changed")
    return faults


def test_nothing_that_others_point_at_is_deleted(staff_client: Client) -> None:
    fill("first")
    for model in (User, Account, Plan, HostedModel, Version, Price):
        row: Any = model.objects.order_by("pk").last()
        assert staff_client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403, model
        assert model.objects.filter(pk=row.pk).exists(), model


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/accounts/ledgerentry/", "/admin/predictions/output/1/picture/"]
)
def test_members_and_visitors_do_not_get_in(alice: User, client_of: ClientOf, path: str) -> None:
    answer = Client().get(path, follow=True)
    assert answer.redirect_chain[-1][0].split("?")[0] == "/accounts/login/"
    assert client_of(alice).get(path, follow=True).status_code == 403


def test_the_panel_has_no_sign_in_of_its_own(staff: User) -> None:
    client = Client()
    client.post("/admin/login/", {"username": "boss", "password": "correct horse"})
    assert "_auth_user_id" not in client.session


def test_a_user_leads_to_what_is_theirs(staff_client: Client, alice: User) -> None:
    page = staff_client.get(address(User, "change", alice.pk)).content.decode()
    assert f"{address(Prediction)}?q=alice" in page and f"{address(Item)}?q=alice" in page


@pytest.mark.django_db
def test_staff_without_permissions_sees_no_figures(client_of: ClientOf) -> None:
    helper = factories.make_user("helper", is_staff=True)
    client = client_of(helper)
    assert client.get("/admin/").context["cards"] == []
    assert client.get(address(LedgerEntry)).status_code == 403


def test_the_first_page_counts(staff_client: Client, alice: User) -> None:
    factories.make_prediction(alice, ceiling=7 * MICRO)
    factories.make_prediction(alice, status=Status.FAILED)
    page = staff_client.get("/admin/")
    figures = {str(card["title"]): card["figure"] for card in page.context["cards"]}
    assert (figures["Waiting"], figures["Live"], figures["Failed today"]) == (1, 1, 1)
    assert figures["Credits on hold"] == "7.00"
    assert page.context["days"]["rows"][0][2] == 1


def test_the_side_bar_is_grouped(staff_client: Client) -> None:
    groups = staff_client.get("/admin/").context["sidebar_navigation"]
    titles = [str(group["title"]) for group in groups]
    assert titles == ["", "Work", "Upstreams", "Gallery", "People", "Rules", "Money", "System"]
    links = [str(item["link"]) for group in groups for item in group["items"]]
    assert all(staff_client.get(link).status_code == 200 for link in one_in(6, links))


def test_a_prediction_is_found_by_id_user_and_prompt(staff_client: Client, alice: User, bob: User) -> None:
    mine = factories.make_prediction(alice, input={"prompt": "a glass whale over Kyoto"})
    factories.make_prediction(bob)
    for words in (mine.public_id, "alice", "glass Kyoto"):
        found = staff_client.get(address(Prediction), {"q": words}).context["cl"].result_list
        assert [row.pk for row in found] == [mine.pk], words
    failed = staff_client.get(address(Prediction), {"status__exact": "failed"}).context["cl"].result_list
    assert list(failed) == []


def test_a_list_of_predictions_reads_no_pictures_out_of_the_inputs(staff_client: Client, alice: User) -> None:
    factories.make_prediction(alice, input={"prompt": "p", "image": "data:image/png;base64," + "A" * 100_000})
    page = staff_client.get(address(Prediction))
    (row,) = page.context["cl"].result_list
    assert {"input", "output", "logs", "result"} <= row.get_deferred_fields()
    assert "AAAA" not in page.content.decode()


def test_a_ledger_row_is_found_by_its_reference(staff_client: Client, alice: User) -> None:
    prediction = factories.make_prediction(alice)
    found = staff_client.get(address(LedgerEntry), {"q": prediction.public_id}).context["cl"].result_list
    assert [row.kind for row in found] == ["hold"]


def test_an_account_shows_its_own_ledger_only(staff_client: Client, alice: User, bob: User) -> None:
    credits.adjust(factories.account_of(bob), MICRO, reason="for bob alone", actor=None)
    page = staff_client.get(address(Account, "change", alice.account_id)).content.decode()
    assert "for a test" in page and "for bob alone" not in page
    listed = (
        staff_client.get(address(LedgerEntry), {"account__id__exact": alice.account_id})
        .context["cl"]
        .result_list
    )
    assert {row.account_id for row in listed} == {alice.account_id}


def test_no_page_shows_a_digest(staff_client: Client, alice: User) -> None:
    factories.make_token(alice)
    token = ApiToken.objects.get()
    for page in (address(ApiToken), address(ApiToken, "change", token.pk), address(User, "change", alice.pk)):
        assert token.digest not in staff_client.get(page).content.decode()


def test_a_picture_is_shown_to_moderators_even_when_hidden(staff_client: Client) -> None:
    item = fill("first")
    Output.objects.filter(pk=item.output_id).update(withheld=True)
    answer: Any = staff_client.get(reverse("admin:predictions_output_picture", args=[item.output_id]))
    assert b"".join(answer.streaming_content) == factories.picture()
    assert staff_client.get(reverse("admin:predictions_output_picture", args=[10**6])).status_code == 404


def test_signing_in_to_the_panel_is_written_nowhere_but_acts_are(staff_client: Client) -> None:
    staff_client.get("/admin/")
    assert not LogEntry.objects.exists()


def test_a_plan_is_made_and_given_to_an_account(staff_client: Client, alice: User) -> None:
    assert (
        staff_client.post(address(Plan, "add"), {"name": "studio", "creates_per_minute": "0"}).status_code
        == 200
    )
    assert not Plan.objects.exists()
    assert (
        staff_client.post(address(Plan, "add"), {"name": "studio", "in_flight_limit": "9"}).status_code == 302
    )
    plan = Plan.objects.get(name="studio")
    assert (plan.creates_per_minute, plan.in_flight_limit) == (None, 9)
    assert "studio" in staff_client.get(address(Account, "change", alice.account_id)).content.decode()


def test_a_tokens_limits_are_shown_and_its_digest_is_not(staff_client: Client, alice: User) -> None:
    row, plain = api_tokens.issue(
        alice, "shop", day_limit=7 * MICRO, networks=["10.0.0.0/8"], scopes=["read"]
    )
    page = staff_client.get(address(ApiToken, "change", row.pk)).content.decode()
    assert "7.00" in page and "10.0.0.0/8" in page
    assert row.digest not in page and plain not in page
