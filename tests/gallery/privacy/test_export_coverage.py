"""No column that holds words of a member is missing from their export, but those that are left out with a reason."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import models

from accounts import credits
from accounts.models import MICRO, User
from accounts.notifications import mail_preferences, notices
from accounts.organizations import join_invitations, management
from accounts.tokens import api_tokens
from gallery.models import Collection, CollectionEditor, Comment, ReaderChoice, Report
from gallery.privacy import export_archive
from tests import factories
from tests.admin.test_model_admins import fill
from tests.gallery.privacy.test_erasure import GOES, columns, texts
from tests.gallery.privacy.test_exports import lines
from tests.support.picture_items import picture_item

pytestmark = pytest.mark.django_db

LEFT_OUT = {
    "opens a door": "accounts.Account.webhook_secret accounts.Account.webhook_secret_old gallery.ShareLink.password"
    " mfa.Authenticator.data",
    "a hash, or an internal number": "accounts.User.sign_up_key gallery.Report.reporter_key"
    " predictions.UnansweredCreate.request usersessions.UserSession.data predictions.Output.colour"
    " predictions.Output.blur",
    "what staff wrote for staff": "accounts.Sanction.note admin.LogEntry.object_repr admin.LogEntry.change_message"
    " gallery.AccountDeed.reason gallery.Case.note gallery.Case.wish accounts.Invitation.note",
    "what rules and classifiers found, which would tell how to get around them": "gallery.Case.marks"
    " predictions.Output.marks predictions.RuleHit.excerpt predictions.RuleHit.marks",
    "what others wrote, who would be known by it": "gallery.Case.words",
    "told already, by the row it belongs to": "accounts.Invitation.email accounts.Notice.address"
    " predictions.Delivery.body predictions.Output.name predictions.Prediction.result",
    "of minutes or of one request, and technical": "accounts.Notice.mail_note predictions.DeliveryAttempt.note"
    " predictions.IdempotencyKey.key predictions.Preview.data predictions.Prediction.origin"
    " predictions.Prediction.request_id",
}


def marker(number: int) -> str:
    return f"zk{number}kz"


def written(field: models.Field[Any, Any], row: models.Model, number: int) -> Any:
    """A value for that column with its own marker in it, another one in each row where that must be."""
    if isinstance(field, models.JSONField):
        before = getattr(row, field.attname)
        return [marker(number)] if isinstance(before, list) else {"w": marker(number)}
    if isinstance(field, models.BinaryField):
        return marker(number).encode()
    if isinstance(field, models.EmailField):
        return f"{marker(number)}{row.pk}@example.org"
    return f"{marker(number)}{row.pk if field.unique else ''}"


def everything(user: User) -> str:
    """The words of all JSON in the archive."""
    whole = b"".join(export_archive.stream(user, factories.account_of(user), lambda number: None))
    found = zipfile.ZipFile(io.BytesIO(whole))
    return "".join(found.read(name).decode() for name in found.namelist() if ".json" in name)


def test_every_column_of_a_members_words_is_in_their_export_or_left_out_for_a_reason() -> None:
    item = fill("talker")
    Comment.objects.create(item=item, user=item.user, text="mine")
    EmailAddress.objects.create(user=item.user, email="talker@example.org")
    goes = sorted(columns(GOES))
    for model, field in texts():
        name = f"{model._meta.label}.{field.name}"
        if name in goes:
            for row in model._base_manager.all():
                value = written(field, row, goes.index(name))
                model._base_manager.filter(pk=row.pk).update(**{field.attname: value})
    data = everything(User.objects.get(pk=item.user_id))
    missing = {name for number, name in enumerate(goes) if marker(number) not in data}
    left_out = {name for names in LEFT_OUT.values() for name in names.split()}
    assert sorted(missing - left_out) == [], "say in LEFT_OUT why it is not in there, or put it in"
    assert sorted(left_out - missing) == [], "it is in there after all"


def test_it_has_their_choices_limits_sessions_and_second_factors(alice: User, bob: User) -> None:
    ReaderChoice.objects.create(user=alice, sensitive="hide", keep_days=30)
    mail_preferences.unsubscribe(alice.pk, "credits.low")
    credits.limit_account(factories.account_of(alice), day=None, month=7 * MICRO)
    api_tokens.issue(alice, "laptop", day_limit=MICRO)
    key = {"name": "My telephone", "credential": {"secret": "of the key"}}
    Authenticator.objects.create(user=alice, type="webauthn", data=key)
    # After the passkey, which ends every session.
    UserSession.objects.create(user=alice, ip="203.0.113.7", session_key="a", user_agent="Telephone/7")
    join_invitations.invite(management.create(alice, "Acme"), "mate@example.org", "member", by=alice)
    theirs = picture_item(bob, "bob's")
    Report.objects.create(item=theirs, reporter=alice, reason="other", words="look at this")
    shelf = Collection.objects.create(account=factories.account_of(bob), user=bob, title="bob's shelf")
    CollectionEditor.objects.create(collection=shelf, user=alice)
    whole = b"".join(export_archive.stream(alice, factories.account_of(alice), lambda number: None))
    found = zipfile.ZipFile(io.BytesIO(whole))
    data = json.loads(found.read("darkroom/account.json"))
    assert data["choices"] == {
        "sensitive_pictures": "hide",
        "private_pictures_kept_days": 30,
        "mails": {"credits.low": False},
    }
    assert data["account"]["month_limit_micro"] == 7 * MICRO
    assert [(one["ip"], one["user_agent"]) for one in data["sessions"]] == [("203.0.113.7", "Telephone/7")]
    assert [(one["kind"], one["name"]) for one in data["second_factors"]] == [("webauthn", "My telephone")]
    assert b"of the key" not in whole
    assert lines(found, "api-tokens")[0]["day_limit"] == MICRO
    assert [one["email"] for one in lines(found, "invitations")] == ["mate@example.org"]
    assert lines(found, "reports")[0]["item"] == theirs.public_id
    assert [one["helps_with"] for one in lines(found, "collections")] == [shelf.public_id]


def test_notices_are_in_the_language_of_the_member(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    alice.refresh_from_db()
    notices.notify(alice, "account.kept")
    assert "Nothing was removed" not in everything(alice) and "没有删除" in everything(alice)
