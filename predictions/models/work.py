"""Work records: webhook deliveries, idempotency keys, unanswered creates, account usage counters, heartbeats."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import Now


def new_message_id() -> str:
    """The id of one webhook event, the same on each attempt."""
    return f"msg_{secrets.token_urlsafe(18)}"


class Delivery(models.Model):
    """A webhook event that is owed or was attempted: owed if, and only if, the change it reports was committed."""

    class State(models.TextChoices):
        OWED = "owed", _("owed")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("given up")
        DROPPED = "dropped", _("dropped")

    class Event(models.TextChoices):
        START = "start", _("start")
        OUTPUT = "output", _("output")
        LOGS = "logs", _("logs")
        COMPLETED = "completed", _("completed")
        TEST = "test", _("test")

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    prediction = models.ForeignKey(
        "predictions.Prediction",
        on_delete=models.PROTECT,
        null=True,
        related_name="deliveries",
        help_text=_("Empty for a test event."),
    )
    url = models.TextField(_("address"), blank=True, default="", help_text=_("Of a test event."))
    event = models.CharField(_("event"), max_length=16, choices=Event)
    message_id = models.CharField(max_length=60, unique=True, default=new_message_id, editable=False)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.OWED)
    body = models.TextField(
        _("body"), blank=True, default="", help_text=_("Rendered once, at the first try.")
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    resent = models.PositiveSmallIntegerField(
        _("sent again"), default=0, help_text=_("How often somebody asked for it again by hand.")
    )
    due_at = models.DateTimeField(_("due"), db_default=Now())
    claim = models.CharField(max_length=32, blank=True, default="")
    answer_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    answer_note = models.CharField(_("what happened"), max_length=300, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now())
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="delivery_once",
                fields=["prediction", "event"],
                condition=Q(event__in=["start", "completed"]),
            ),
            models.UniqueConstraint(
                name="delivery_one_owed", fields=["prediction", "event"], condition=Q(state="owed")
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="delivery_due", fields=["due_at"], condition=Q(state="owed")),
            models.Index(name="delivery_of_account", fields=["account", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.message_id}"


class DeliveryAttempt(models.Model):
    """One attempt of a delivery, for the logs of its receiver and its sender."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField(_("try"), help_text=_("1 is the first."))
    at = models.DateTimeField(_("when"), db_default=Now())
    answer_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    note = models.CharField(_("what happened"), max_length=300, blank=True, default="")
    took_ms = models.PositiveIntegerField(_("milliseconds"), default=0)

    class Meta:
        verbose_name = _("try of a delivery")
        verbose_name_plural = _("tries of deliveries")
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.number}"


class IdempotencyKey(models.Model):
    """A member's own key for one create: for 24 hours the same key returns the same prediction.

    Unique by account and user: two members of an organisation may choose the same key.
    """

    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints: ClassVar = [
            models.UniqueConstraint(name="idempotency_key_once", fields=["account", "user", "key"]),
        ]
        indexes: ClassVar = [models.Index(name="idempotency_key_age", fields=["created_at"])]

    def __str__(self) -> str:
        return self.key[:40]


class UnansweredCreate(models.Model):
    """A create whose answer has not been delivered yet, by a client that retries automatically.

    Such a client marks its retries as retries, but not of which request: a retry is recognised by the same member,
    account and body, and an answer that never arrived. Rows go when the answer has been sent, or by age.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    body_hash = models.CharField(max_length=64)
    request = models.CharField(max_length=32, help_text=_("The predictions of one request share it."))
    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.PROTECT, related_name="+")
    instance = models.CharField(max_length=64, help_text=_("The web process that owes the answer."))
    lost = models.BooleanField(default=False, help_text=_("The caller left before its answer was sent."))
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("unanswered create")
        verbose_name_plural = _("unanswered creates")
        indexes: ClassVar = [
            models.Index(name="unanswered_create_of", fields=["account", "user", "body_hash"]),
            models.Index(name="unanswered_create_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return self.request


class AccountUsage(models.Model):
    """What an account takes up now: bytes stored for it, and predictions that have not ended.

    Written by `predictions.submit.quotas` alone; the audit compares it with the rows that it sums up.
    """

    account = models.OneToOneField(
        "accounts.Account", on_delete=models.PROTECT, primary_key=True, related_name="usage"
    )
    predictions = models.PositiveIntegerField(
        _("predictions"), default=0, db_default=0, help_text=_("That have not ended.")
    )
    input_bytes = models.BigIntegerField(
        _("bytes of inputs"), default=0, db_default=0, help_text=_("Of predictions that have not ended.")
    )
    output_bytes = models.BigIntegerField(
        _("bytes of outputs"), default=0, db_default=0, help_text=_("That these are expected to give.")
    )
    stored_bytes = models.BigIntegerField(
        _("bytes stored"), default=0, db_default=0, help_text=_("Of every file that takes its room.")
    )
    upload_bytes = models.BigIntegerField(
        _("bytes of uploads"), default=0, db_default=0, help_text=_("Each counts as 4 KiB at least.")
    )

    class Meta:
        verbose_name = _("room that an account takes")
        verbose_name_plural = _("room that accounts take")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="account_usage_not_negative",
                condition=Q(
                    predictions__gte=0, input_bytes__gte=0, output_bytes__gte=0,
                    stored_bytes__gte=0, upload_bytes__gte=0,
                ),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.account_id)


class Beat(models.Model):
    """The last heartbeat of one process, by kind and instance. `/health` wants a fresh one of each kind."""

    kind = models.CharField(_("kind"), max_length=32)
    instance = models.CharField(_("instance"), max_length=64)
    at = models.DateTimeField(_("last sign"), db_default=Now())
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("sign of life")
        verbose_name_plural = _("signs of life")
        constraints: ClassVar = [models.UniqueConstraint(name="beat_once", fields=["kind", "instance"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.instance}"
