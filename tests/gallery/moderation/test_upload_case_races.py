"""Lock order of upload cases: a decision and a removal at once both lock the file before its case."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from gallery.models import Case
from gallery.moderation import decisions
from gallery.moderation.decisions import Verdict
from predictions.files import uploads
from predictions.lifecycle import personal_data
from predictions.models import Upload
from tests import factories
from tests.support.races import Beside

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="one writer at a time cannot wait in a circle"
    ),
]


def removed_by_its_sender(upload: Upload) -> Callable[[], Any]:
    return partial(uploads.delete, upload)


def removed_with_its_account(upload: Upload) -> Callable[[], Any]:
    return partial(personal_data.erase_uploads, upload.account)


@pytest.mark.parametrize(("decision", "by"), [("remove", "hand_over"), ("hide", "take_away")])
@pytest.mark.parametrize("removal", [removed_by_its_sender, removed_with_its_account])
def test_no_decision_and_no_removal_wait_in_a_circle(
    staff: User,
    alice: User,
    decision: str,
    by: str,
    removal: Callable[[Upload], Callable[[], Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = factories.account_of(alice)
    upload = uploads.keep(alice, account, uploads.Sent("cat.png", "image/png", {}), iter([b"a cat"]))
    case = Case.objects.create(
        kind="flag", user=alice, account=account, upload=upload, about="cat.png", marks={"sent": True}
    )
    others: list[Beside] = []
    whole: Callable[[int], Any] = getattr(uploads, by)

    def meanwhile(upload_id: int) -> Any:
        if not others:
            others.append(Beside(removal(upload)))
            others[0].start()
            others[0].waits()
        return whole(upload_id)

    monkeypatch.setattr(uploads, by, meanwhile)
    decisions.decide(case.pk, staff, Verdict(decision, message="no"))
    (other,) = others
    other.end()
    case.refresh_from_db()
    assert case.decision == decision and not Upload.objects.exists()
