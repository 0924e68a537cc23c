"""Webhooks sent by hand: sending a delivery again, and test events. Both are posted like all others."""

from __future__ import annotations

import math
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Account
from accounts.site import feature_flags
from core.clock import Now
from core.jobs import wakeups
from predictions.models import Delivery
from predictions.webhooks import bodies, outbox

MAX_RESENDS = 100
MAX_TESTS_PER_HOUR = 60
TEST_EVENTS = ("start", "output", "logs", "completed")


class CannotSend(Exception):
    """Nothing is sent; the message says why, for the user."""


class TooManyTests(CannotSend):
    """The account has reached its limit of test events per hour; the next is allowed in `wait_s` seconds."""

    def __init__(self, message: str, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(message)


def resend(delivery: Delivery) -> None:
    """Owe a delivery again, at once: same message id and body, with all attempts anew. Raises CannotSend.

    Of concurrent calls one takes effect; the others raise, because it is owed already.
    """
    _refuse_suspended(delivery.account)
    if not outbox.target_url(delivery):
        raise CannotSend(_("Its address is not known any more."))
    # One that waits for its next attempt may be brought forward; one that is due or being posted is left
    # alone.
    where = ~Q(state=Delivery.State.OWED) | Q(claim="", due_at__gt=Now())
    rows = Delivery.objects.filter(where, pk=delivery.pk, resent__lt=MAX_RESENDS)
    try:
        with transaction.atomic():
            changed = rows.update(
                state=Delivery.State.OWED, claim="", attempts=0, due_at=Now(), resent=F("resent") + 1
            )
            wakeups.send_on_commit(wakeups.DELIVERIES)
    except IntegrityError:
        raise CannotSend(
            _("A newer event of this kind is being sent; it says all that this one says.")
        ) from None
    if changed:
        return
    if delivery.resent >= MAX_RESENDS:
        raise CannotSend(_("It was sent again %(limit)s times, and that is enough.") % {"limit": MAX_RESENDS})
    raise CannotSend(_("It is being sent already."))


def send_test(account: Account, url: str, event: str, origin: str) -> Delivery:
    """Owe a test event, attempted once, to a URL that was validated. `origin` is ours, `https://host`.

    Raises CannotSend, TooManyTests among them.
    """
    _refuse_suspended(account)
    recent = Delivery.objects.filter(
        account=account, event=Delivery.Event.TEST, created_at__gt=Now() - timedelta(hours=1)
    )
    times = list(recent.order_by("-created_at").values_list("created_at", flat=True)[:MAX_TESTS_PER_HOUR])
    if len(times) == MAX_TESTS_PER_HOUR:
        # Until the oldest of these is an hour old.
        wait_s = math.ceil((times[-1] + timedelta(hours=1) - timezone.now()).total_seconds())
        raise TooManyTests(
            _("There were %(limit)s test events within an hour; wait a little.")
            % {"limit": MAX_TESTS_PER_HOUR},
            max(1, wait_s),
        )
    body = bodies.example(event, origin)
    delivery = Delivery.objects.create(account=account, event=Delivery.Event.TEST, url=url, body=body)
    wakeups.send_on_commit(wakeups.DELIVERIES)
    delivery.refresh_from_db()
    return delivery


def _refuse_suspended(account: Account) -> None:
    feature_flags.require("webhooks")
    if account.status == Account.Status.SUSPENDED:
        raise CannotSend(_("This account is suspended."))
