"""A member's whole life in one browser: invited, checked, given a second factor, paid by a code, gone at the end."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

from accounts.audit import checks
from accounts.billing import redeem_codes
from accounts.models import MICRO, User
from accounts.notifications import mail_queue
from accounts.registration import invitations
from accounts.site import site_rules
from core.clock import after
from gallery.models import Closure
from gallery.privacy import closure, exports
from predictions.models import Prediction
from tests import factories
from tests.accounts.auth.auth_forms import totp
from tests.browser.conftest import Window
from tests.browser.test_journeys import finish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
WORDS = "a quiet red lamp"


def confirm(page: Any) -> None:
    page.wait_for_url("**/reauthenticate/**")
    page.fill("[name=password]", WORDS)
    page.click("main form .primary")


@override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory", MFA_ALLOW_UNVERIFIED_EMAIL=False)
def test_from_the_invitation_to_the_receipt_of_a_deleted_account(window: Open) -> None:
    site_rules.change(registration="invite", closing_days=14)
    boss = factories.make_staff()
    _row, path = invitations.make(boss)
    member = window()
    page = member.open("/accounts/signup/")
    page.wait_for_selector("h1:has-text('By invitation')")
    member.open(path)
    page.wait_for_selector("text=You are invited.")
    for name, value in (
        ("username", "mei"),
        ("email", "mei@example.org"),
        ("password1", WORDS),
        ("password2", WORDS),
    ):
        page.fill(f"[name={name}]", value)
    page.click("main form .primary")
    page.wait_for_selector("h1:has-text('Check your mail')")
    link = re.search(r"/accounts/confirm-email/\S+", str(mail.outbox[0].body))
    assert link is not None
    member.open(link.group())
    page.click("main form .primary")
    page.wait_for_url("**/studio/")

    # The second factor.
    member.open("/accounts/2fa/")
    page.click(".locks a:has-text('Set up')")
    confirm(page)
    page.wait_for_selector(".qr")
    page.fill("[name=code]", totp(page.input_value("#secret")))
    page.click("main form .primary")
    page.wait_for_selector(".codes li")

    # A code, and what it pays for.
    codes = redeeming_code(boss)
    member.open("/account/redeem/")
    page.fill("[name=code]", codes)
    page.click("main form .primary")
    page.wait_for_selector("text=20.00")
    member.open("/studio/")
    page.fill("#prompt", "a lighthouse in the fog")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".batch .queued")
    finish(Prediction.objects.get())
    page.wait_for_selector(".batch.succeeded .frame.done img")

    # It is listed in the statement.
    member.open("/account/")
    page.wait_for_selector("table.statement >> text=Prediction charged")
    page.wait_for_selector("table.statement >> text=+20.00")

    # Everything along.
    member.open("/account/export/")
    page.click("main form .primary")
    page.wait_for_selector(".toast")
    assert exports.build_next()
    page.reload()
    with page.expect_download() as arrives:
        page.click(".export-list a")
    with open(arrives.value.path(), "rb") as file:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))
    items = archive.read("darkroom/items.jsonl").decode().splitlines()
    assert json.loads(items[0])["prompt"] == "a lighthouse in the fog"

    # And gone.
    page.click("main a.danger")
    page.wait_for_timeout(100)
    if "/reauthenticate/" in page.url:
        confirm(page)
    page.fill("[name=name]", "mei")
    page.click("main button.danger")
    page.wait_for_selector("h1:has-text('will be deleted')")
    assert member.sideways() == 0
    # A page requested after the account was closed is refused, and logs that in the console.
    page.goto("about:blank")
    Closure.objects.update(due_at=after(-1))
    for _turn in range(40):
        closure.run_once()
    closure_request = Closure.objects.get()
    assert closure_request.finished_at is not None
    mail_queue.clear_pause()
    mail.outbox.clear()
    while mail_queue.run_once():
        pass
    letter = next(one for one in mail.outbox if "deleted" in one.subject)
    receipt = re.search(r"/account/receipt/[\w-]+/", str(letter.body))
    assert receipt is not None
    member.open(receipt.group())
    page.wait_for_selector("text=pictures with their files")
    member.open("/library/")
    assert "/accounts/login/" in page.url
    assert not User.objects.filter(username="mei").exists()
    assert not list(checks.breaches(quick=False))
    assert member.complaints == []


def redeeming_code(boss: User) -> str:
    """A fresh code that is worth twenty credits."""
    _batch, codes = redeem_codes.create_batch(
        name="for the first pictures", credits=20 * MICRO, count=1, by=boss
    )
    return str(codes[0])
