"""Models of data exports and account deletion."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from core.clock import Now
from predictions.models import StoredFile


def new_export_id() -> str:
    """A random id for an export's URL."""
    return secrets.token_urlsafe(24)


class Export(models.Model):
    """An archive (JSON and files) of all that a member owns; built in the background, kept for some days."""

    class State(models.TextChoices):
        OWED = "owed", _("waiting")
        MAKING = "making", _("being made")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        GONE = "gone", _("removed")

    public_id = models.CharField(max_length=40, unique=True, default=new_export_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="exports")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="exports")
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OWED)
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, null=True, related_name="export")
    done = models.PositiveIntegerField(_("files written"), default=0)
    total = models.PositiveIntegerField(_("files in all"), default=0)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    claim = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    note = models.CharField(_("what happened"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("asked for"), db_default=Now())
    finished_at = models.DateTimeField(_("ready"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="export_owed", fields=["id"], condition=Q(state__in=["owed", "making"])),
            models.Index(name="export_age", fields=["expires_at"], condition=Q(state="ready")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="export_one_under_way",
                fields=["user", "account"],
                condition=Q(state__in=["owed", "making"]),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Closure(models.Model):
    """A member's request to delete their account. After the grace period all is deleted, and `receipt` counts
    what."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="closures")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="closures")
    reference = models.CharField(max_length=40, unique=True, default=new_export_id, editable=False)
    address = models.EmailField(
        _("receipt to"), blank=True, default="", help_text=_("Cleared once the receipt is sent.")
    )
    language = models.CharField(max_length=10, blank=True, default="")
    created_at = models.DateTimeField(_("asked for"), db_default=Now())
    due_at = models.DateTimeField(pgettext_lazy("closure", "due"))
    called_off_at = models.DateTimeField(_("called off"), null=True)
    begun_at = models.DateTimeField(_("begun"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    receipt = models.JSONField(_("removed"), default=dict, blank=True, help_text=_("How many of what."))

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(
                name="closure_due",
                fields=["due_at"],
                condition=Q(called_off_at__isnull=True, finished_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="closure_one_open",
                fields=["user"],
                condition=Q(called_off_at__isnull=True, finished_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.due_at:%Y-%m-%d}"
