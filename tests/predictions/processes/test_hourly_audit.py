"""The audit comes round by itself, in a process of its own, and says what it found."""

from __future__ import annotations

import time

import pytest

from accounts.models import Account, User
from predictions.models import Beat
from predictions.processes.hourly_audit import HourlyAudit

pytestmark = pytest.mark.django_db(transaction=True)


def run_one() -> dict[str, object]:
    audit = HourlyAudit(first_after_s=0)
    for _ in range(600):
        audit.step()
        beat = Beat.objects.filter(kind="audit").first()
        if beat is not None:
            return dict(beat.detail)
        time.sleep(0.1)
    raise AssertionError("The audit never ended.")


def test_it_notes_that_all_adds_up(alice: User, own_database: None) -> None:
    assert run_one()["ok"] is True


def test_it_notes_a_breach(alice: User, own_database: None) -> None:
    Account.objects.filter(pk=alice.account_id).update(balance=7)
    found = run_one()
    assert found["ok"] is False and "balance" in str(found["lines"])


@pytest.fixture
def own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child process finds this test's database by its settings only where we say so. It is a part of `work`."""
    from django.conf import settings
    from django.db import connection

    monkeypatch.setenv("DARKROOM_PROCESS_ROLE", "work")
    if connection.vendor == "sqlite":
        monkeypatch.setenv("DARKROOM_DATABASE_URL", f"sqlite://{settings.DATABASES['default']['NAME']}")
        return
    parts = connection.settings_dict
    url = f"postgres://{parts['USER']}:{parts['PASSWORD']}@/{parts['NAME']}?host={parts['HOST']}"
    monkeypatch.setenv("DARKROOM_DATABASE_URL", url + (f"&port={parts['PORT']}" if parts["PORT"] else ""))
