"""What people ask for by hand: an event once more, or one to try a receiver with. Both go the way of all others."""

from __future__ import annotations

import json
import math
import secrets
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Account
from accounts.site import feature_flags
from core.clock import Now
from core.jobs import wakeups
from predictions.api_dialects.replicate.absolute_urls import Addresses
from predictions.api_dialects.replicate.serializers import time
from predictions.models import Delivery
from predictions.models.prediction import new_public_id
from predictions.webhooks import outbox

RESENT_AT_MOST = 100
TESTS_AN_HOUR = 60
TESTED = ("start", "output", "logs", "completed")


class CannotSend(Exception):
    """Nothing is sent; the message says why, in words for the user."""


class TooManyTests(CannotSend):
    """The account asked for as many test events as one may in an hour; `wait_s` seconds later it may have another."""

    def __init__(self, words: str, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(words)


def resend(delivery: Delivery) -> None:
    """Owe it once more: the same message and body, a fresh round of tries, at once. Raises CannotSend.

    Of several who ask at the same time one is heard; the others learn that it is owed already.
    """
    _refuse_suspended(delivery.account)
    if not outbox.address_of(delivery):
        raise CannotSend(_("Its address is not known any more."))
    # Owed and waiting for its next try it may be brought forward; due already or being sent it is left alone.
    where = ~Q(state=Delivery.State.OWED) | Q(claim="", due_at__gt=Now())
    rows = Delivery.objects.filter(where, pk=delivery.pk, resent__lt=RESENT_AT_MOST)
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
    if delivery.resent >= RESENT_AT_MOST:
        raise CannotSend(
            _("It was sent again %(limit)s times, and that is enough.") % {"limit": RESENT_AT_MOST}
        )
    raise CannotSend(_("It is being sent already."))


def send_test(account: Account, url: str, event: str, origin: str) -> Delivery:
    """Owe a made-up event of one try to an address that was checked. `origin` is ours, `https://host`.

    Raises CannotSend, TooManyTests among them.
    """
    _refuse_suspended(account)
    recent = Delivery.objects.filter(
        account=account, event=Delivery.Event.TEST, created_at__gt=Now() - timedelta(hours=1)
    )
    times = list(recent.order_by("-created_at").values_list("created_at", flat=True)[:TESTS_AN_HOUR])
    if len(times) == TESTS_AN_HOUR:
        # When the earliest of these is an hour old.
        left = math.ceil((times[-1] + timedelta(hours=1) - timezone.now()).total_seconds())
        raise TooManyTests(
            _("There were %(limit)s test events within an hour; wait a little.") % {"limit": TESTS_AN_HOUR},
            max(1, left),
        )
    body = json.dumps(example(event, origin), ensure_ascii=False)
    made = Delivery.objects.create(account=account, event=Delivery.Event.TEST, url=url, body=body)
    wakeups.send_on_commit(wakeups.DELIVERIES)
    made.refresh_from_db()
    return made


def _refuse_suspended(account: Account) -> None:
    feature_flags.require("webhooks")
    if account.status == Account.Status.SUSPENDED:
        raise CannotSend(_("This account is suspended."))


def example(event: str, origin: str) -> dict[str, Any]:
    """A prediction that never was, of the shape that `event` tells of. It says so itself: `darkroom.test` is true.

    Written out, not rendered: predictions are made where their money is held, and nowhere else.
    """
    now, addresses, public_id = timezone.now(), Addresses(origin, "/v1"), "test" + new_public_id()[4:]
    ended = event == "completed"
    get = addresses.of(f"/predictions/{public_id}")
    return {
        "id": public_id,
        "model": "darkroom/test-event",
        "version": "0" * 64,
        "input": {"prompt": "A test event of Darkroom: nothing was made and nothing is charged"},
        "logs": "" if event == "start" else "Using seed: 7\n",
        # An address that can be read, as those of real outputs can.
        "output": [addresses.own(static("icons/mark.svg"))] if event in {"output", "completed"} else None,
        "data_removed": False,
        "error": None,
        "status": "succeeded" if ended else "processing",
        "source": "api",
        "created_at": time(now - timedelta(seconds=2)),
        "started_at": time(now - timedelta(seconds=1.5)),
        "completed_at": time(now) if ended else None,
        "deadline": None,
        "metrics": {"predict_time": 1.5, "total_time": 2.0, "credits": 0.0} if ended else {},
        "urls": {
            "cancel": f"{get}/cancel",
            "get": get,
            "stream": addresses.own(f"/v1/files/stream-{secrets.token_urlsafe()}"),
            "web": addresses.own(f"/p/{public_id}/"),
        },
        "darkroom": {
            "ceiling": 0,
            "charged": 0 if ended else None,
            "progress": 1.0 if ended else None,
            "provider": None,
            "notice": None,
            "test": True,
        },
    }
