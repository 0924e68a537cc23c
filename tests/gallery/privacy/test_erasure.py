"""After a very talkative member has gone, no column of any table has a word of theirs but those that are named as kept.

Every column of text of every model is decided here, of libraries too. A new one fails until somebody says whether it is
emptied (`GOES`), kept on purpose (`gallery.privacy.retention`) or never anybody's words (`OPERATIONAL`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection, models
from django.test import Client
from django.utils.html import escape

from accounts.credits import gifts
from accounts.models import MICRO, Invitation, Notice, Sanction, User
from accounts.notifications import mail_queue
from accounts.site import site_rules
from gallery.items import publication
from gallery.models import Case, Closure, Item, Report
from gallery.moderation import case_jobs
from gallery.privacy import closure, retention
from gallery.search import indexer, vocabulary
from predictions.models import Output, Phase, Prediction
from tests import factories
from tests.admin.test_model_admins import fill
from tests.gallery.privacy.test_closure import adds_up, grace_ends
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db
MARK = "zorkmid"
TEXT = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.FileField,
    models.BinaryField,
    models.GenericIPAddressField,
    models.UUIDField,
)

GOES = """
account.EmailAddress email
accounts.Account name webhook_secret webhook_secret_old
accounts.ApiToken name networks allowed_models
accounts.Gift words
accounts.Invitation email note
accounts.Notice params link address mail_note
accounts.OrganizationInvitation email
accounts.Sanction reason note lift_reason
accounts.SignIn network browser
accounts.User username first_name last_name email display_name sign_up_key
admin.LogEntry object_repr change_message
gallery.AccountDeed reason
gallery.Case about words told note wish marks
gallery.Collection title description hidden_reason
gallery.Comment text
gallery.Item title prompt hidden_reason
gallery.Preset name values
gallery.Report words reporter_key
gallery.ShareLink password
gallery.Tag name
mfa.Authenticator data
predictions.Delivery url body answer_note
predictions.DeliveryAttempt note
predictions.IdempotencyKey key
predictions.Output name marks colour blur
predictions.Prediction input output error logs webhook origin batch result made_from request_id
predictions.Preview data
predictions.RuleHit excerpt marks
predictions.UnansweredCreate request
predictions.Upload name content_type metadata
socialaccount.SocialAccount uid extra_data
usersessions.UserSession user_agent data
"""
"""Words of or about a member, or what leads to them: the marker is written there, and has to be gone."""

OPERATIONAL = """
account.EmailConfirmation key
accounts.Account allowance_period
accounts.AccountSpending period
accounts.Announcement text_en text_zh link
accounts.ApiToken prefix digest scopes
accounts.AuditMark name
accounts.CodeBatch name once
accounts.CreditPack name currency
accounts.EndedAllowance period
accounts.Gift reference
accounts.Invitation digest hint
accounts.Notice kind language
accounts.NoticeChoice kind
accounts.OrganizationInvitation digest
accounts.Plan name allowed_models
accounts.RedeemCode digest hint
accounts.Sanction before
accounts.SecretFingerprint digest
accounts.Site refused_networks billing_zone maintenance_en maintenance_zh switches_off
accounts.Throttle what who
accounts.TokenSpending period
accounts.User password language
admin.LogEntry object_id
auth.Group name
auth.Permission name codename
contenttypes.ContentType app_label model
django_q.Failure id name func hook group cluster
django_q.OrmQ key payload
django_q.Schedule name func hook args kwargs cron task cluster intended_date_kwarg
django_q.Success id name func hook group cluster
django_q.Task id name func hook group cluster
gallery.Case done batch
gallery.Closure address
gallery.Collection public_id
gallery.Export public_id claim note
gallery.Item public_id
gallery.ShareLink token
predictions.Beat kind instance detail
predictions.Classifier name target secret limits failure
predictions.Delivery message_id claim
predictions.Deployment owner name input
predictions.FigureDay zone
predictions.HostedModel owner name description github_url paper_url license_url cover_image_url
predictions.IdempotencyKey body_hash
predictions.Output token phash
predictions.Prediction public_id metrics deployment stream_token webhook_events mount claim provider job_id job_instance
predictions.Preview content_type
predictions.Price rules source
predictions.PromptRule name text words
predictions.RuleHit source prediction upload
predictions.StoredFile key sha256 content_type
predictions.UnansweredCreate body_hash instance
predictions.Upload public_id md5
predictions.Upstream name url webhook_secret
predictions.UpstreamKey label secret hint probe error_kind error
predictions.UpstreamRoute their_name their_version error
predictions.UpstreamRun job_id error_kind answer
predictions.Version id input_schema output_schema example_input cog_version source
sessions.Session session_key session_data
socialaccount.SocialApp provider provider_id name client_id secret key settings
socialaccount.SocialAccount provider
socialaccount.SocialToken token token_secret
usersessions.UserSession ip session_key
"""
"""Of the installation, its operators and machines: names of models and keys, hashes, references. `Closure.address` is
checked separately; secrets of libraries go with the row that they hang on; a session that no list has ends by itself.
"""


def columns(text: str) -> set[str]:
    """`model column column …` a line, as `model.column`."""
    lines = [line.split() for line in text.strip().splitlines()]
    return {f"{model}.{name}" for model, *names in lines for name in names}


def texts() -> Iterator[tuple[type[models.Model], models.Field[Any, Any]]]:
    """Every column of text of every model; not those whose values are a list of our own."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, TEXT) and not field.choices:
                yield model, field


def test_every_column_of_text_is_decided_once() -> None:
    there = {f"{model._meta.label}.{field.name}" for model, field in texts()}
    goes, operational, stays = columns(GOES), columns(OPERATIONAL), set(retention.columns())
    assert not goes & operational and not goes & stays and not operational & stays
    decided = goes | operational | stays
    assert sorted(there - decided) == [], (
        "say in GOES, OPERATIONAL or gallery.privacy.retention what becomes of it"
    )
    assert sorted(decided - there) == [], "there is no such column any more"


def talk(alice: User, bob: User, staff: User) -> None:
    """Write the marker wherever a member's text may be stored: by their actions, then into every remaining column."""
    item = fill("talker")
    friend = User.objects.get(username="talker-friend")
    for model in (Case, Sanction, User):
        about = model._default_manager.filter(**({"username": "talker"} if model is User else {})).first()
        assert about is not None
        LogEntry.objects.log_actions(staff.pk, [about], CHANGE, MARK, single_object=True)
    LogEntry.objects.log_actions(staff.pk, [item], CHANGE, MARK, single_object=True)
    EmailAddress.objects.create(user=item.user, email=f"{MARK}@example.org", verified=True, primary=True)
    invited = Invitation.objects.create(digest="by-mail", email=f"{MARK}@example.org", note=MARK)
    User.objects.filter(pk=item.user_id).update(invitation=invited)
    Notice.objects.create(user=friend, kind="organization.joined", params={"who": f"{MARK}{item.user_id}"})
    talker = item.user
    site_rules.change(gifts=True)
    gifts.give(talker, factories.account_of(talker), to=bob.username, amount=MICRO, words=MARK, key="from")
    factories.give(bob, 5)
    gifts.give(bob, factories.account_of(bob), to=talker.username, amount=MICRO, words=MARK, key="to")
    theirs = picture_item(bob, "bob's")
    publication.publish(theirs, title="bob's")
    Report.objects.create(item=theirs, reporter=talker, reason="other", words=MARK)
    case_jobs.open_for_reports()
    assert Case.objects.get(item=theirs).words == MARK
    shown = picture_item(talker, f"a {MARK} picture")
    publication.publish(shown, title=MARK, tags=[MARK])
    indexer.run_once()
    of_others = {
        # Of the operator's invitations those alone that went to an address of theirs.
        Invitation: models.Q(pk=invited.pk),
        User: models.Q(pk=item.user_id),
        apps.get_model("accounts.Account"): models.Q(pk=item.account_id),
        EmailAddress: models.Q(user=item.user),
        # What is about them: the friend's words about the talker's picture go with it.
        Sanction: models.Q(user=item.user),
        Case: models.Q(user=item.user),
        Notice: models.Q(user=item.user),
        Item: models.Q(account=item.account),
        Report: models.Q(reporter=item.user),
        Prediction: models.Q(account=item.account),
        Output: models.Q(prediction__account=item.account),
    }
    goes = columns(GOES)
    for model, field in texts():
        if f"{model._meta.label}.{field.name}" not in goes:
            continue
        for row in model._base_manager.filter(of_others.get(model, models.Q())):
            value = marked(field, row.pk, getattr(row, field.attname))
            model._base_manager.filter(pk=row.pk).update(**{field.attname: value})


def marked(field: models.Field[Any, Any], number: Any, before: Any) -> Any:
    """A value for that column that has the marker in it, another one in each row."""
    if isinstance(field, models.JSONField):
        return [MARK] if isinstance(before, list) else {"w": MARK}
    if isinstance(field, models.BinaryField):
        return MARK.encode()
    if isinstance(field, models.EmailField):
        return f"{MARK}{number}@example.org"
    return f"{MARK}{number}"[: max(len(MARK), field.max_length or 100)]


def where_it_stands(word: str) -> set[str]:
    """Columns of any table of the database, of a model or not, that have the word.

    Not the inside of SQLite's search index, where words of deleted rows go unfound until it is merged.
    """
    labels = {model._meta.db_table: model for model in apps.get_models()}
    found = set()
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in (
            one for one in tables if not one.startswith("gallery_search") or not one.endswith("_data")
        ):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [one[0] for one in cursor.description or ()]
            label = labels[table]._meta.label if table in labels else table
            for row in cursor.fetchall():
                told = (
                    bytes(value).decode("latin1") if isinstance(value, bytes | memoryview) else str(value)
                    for value in row
                )
                found |= {f"{label}.{name}" for name, value in zip(names, told, strict=True) if word in value}
    return found


def test_nothing_of_a_talkative_member_is_left(alice: User, bob: User, staff: User) -> None:
    talk(alice, bob, staff)
    talker = User.objects.get(username__startswith=MARK)
    Closure.objects.all().delete()
    before = where_it_stands(MARK)
    assert columns(GOES) - before == set(), "each has it before, or the walk proves nothing"
    beside = {
        name
        for name in before
        if "LedgerEntry.reason" in name or name.startswith(("gallery_search", "gallery.SearchRow"))
    }
    assert beside and before - columns(GOES) <= beside, "tables without a model are walked too"
    Prediction.objects.exclude(phase=Phase.ENDED).update(upstream_open=False)
    closure.request_closure(talker)
    grace_ends()
    vocabulary.drop_unused()
    closure_request = Closure.objects.get()
    assert closure_request.finished_at is not None, "it came to its end"
    assert sorted(where_it_stands(MARK)) == ["accounts.Notice.address"], (
        "the receipt is still to be sent there"
    )
    mail_queue.clear_pause()
    while mail_queue.run_once():
        pass
    assert sorted(where_it_stands(MARK)) == []
    assert adds_up()


def test_the_receipt_and_the_operators_book_name_what_stays(alice: User) -> None:
    site_rules.change(evidence_days=41)
    closure_request = closure.request_closure(alice)
    grace_ends()
    page = Client().get(f"/account/receipt/{closure_request.reference}/").content.decode()
    book = (settings.BASE_DIR / "docs/operating.md").read_text()
    for one in retention.TABLE:
        assert str(escape(one.what)) in page and str(escape(one.why)) in page, one.name
        assert str(one.what) in book and str(one.why) in book, one.name
    assert "41 days from the removal" in page


def test_words_in_the_panels_own_log_are_never_names(alice: User, staff: User) -> None:
    User.objects.filter(pk=alice.pk).update(display_name=MARK, username=MARK)
    alice.refresh_from_db()
    below = [{"added": {"name": "account", "object": MARK}}, {"changed": {"fields": ["E-mail"]}}]
    entry = LogEntry.objects.log_actions(staff.pk, [alice], CHANGE, below, single_object=True)
    entry.refresh_from_db()
    assert entry.object_repr == f"user {alice.pk}" and MARK not in entry.change_message
    assert entry.get_change_message() == "Added account “…”. Changed E-mail."
