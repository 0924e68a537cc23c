"""Aggregates behind the usage charts: daily usage, daily failures, summed-up days and samples of the queue."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from core.clock import Now
from predictions.models.catalogue import HostedModel


class UsageDay(models.Model):
    """Usage of one model by one account on one day of the billing time zone. Rewritten as a whole, not incremented."""

    day = models.DateField(_("day"))
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="+")
    succeeded = models.PositiveIntegerField(_("succeeded"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    canceled = models.PositiveIntegerField(_("canceled"), default=0)
    outputs = models.PositiveIntegerField(_("outputs"), default=0)
    filtered = models.PositiveIntegerField(_("filtered"), default=0)
    charged = models.BigIntegerField(_("charged"), default=0, help_text=_("micro-credits"))
    spent = models.BigIntegerField(
        _("paid upstream"), default=0, help_text=_("As upstreams' runs are counted, in their unit.")
    )

    class Meta:
        verbose_name = _("day of usage")
        verbose_name_plural = _("days of usage")
        ordering: ClassVar = ["-day", "account", "model"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="usage_day_once", fields=["day", "account", "model"]),
        ]
        indexes: ClassVar = [models.Index(name="usage_day_of_account", fields=["account", "day"])]

    def __str__(self) -> str:
        return f"{self.day} {self.account} {self.model}"


class FailureDay(models.Model):
    """Number of failed predictions by day of the billing time zone, model and class of reason."""

    class Reason(models.TextChoices):
        UPSTREAM = "upstream", _("the upstream stopped")
        TOO_LONG = "too_long", _("took too long")
        SENSITIVE = "sensitive", _("too sensitive")
        INPUT = "input", _("input refused there")
        OURS = "ours", _("our fault")

    day = models.DateField(_("day"))
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    count = models.PositiveIntegerField(_("how many"), default=0)

    class Meta:
        verbose_name = _("failures of a day")
        verbose_name_plural = _("failures by day")
        ordering: ClassVar = ["-day", "model", "reason"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="failure_day_once", fields=["day", "model", "reason"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.reason}"


class FigureDay(models.Model):
    """Which days have been aggregated, and whether finally."""

    day = models.DateField(_("day"), primary_key=True)
    zone = models.CharField(_("zone"), max_length=60)
    closed = models.BooleanField(_("for good"), default=False)
    made_at = models.DateTimeField(_("summed up"), db_default=Now())

    class Meta:
        verbose_name = _("summed day")
        verbose_name_plural = _("summed days")
        ordering: ClassVar = ["-day"]

    def __str__(self) -> str:
        return str(self.day)


class QueueLook(models.Model):
    """A sample of the queue's state, one a minute."""

    at = models.DateTimeField(_("when"), db_default=Now(), db_index=True)
    waiting = models.PositiveIntegerField(_("waiting"), default=0)
    running = models.PositiveIntegerField(_("under way"), default=0)
    oldest_s = models.PositiveIntegerField(_("oldest waits, seconds"), default=0)
    start_p95_ms = models.PositiveIntegerField(
        _("to start, 95th of a hundred, ms"),
        null=True,
        help_text=_("Of those that began in the minute before."),
    )

    class Meta:
        verbose_name = _("look at the queue")
        verbose_name_plural = _("looks at the queue")
        ordering: ClassVar = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.waiting}"
