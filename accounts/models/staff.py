"""Audit log of staff, append-only, and sanctions of users."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.accounts import Account
from accounts.models.ledger import AppendOnlyError
from accounts.models.people import User
from core.clock import Now


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("The record is never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("The record is never shortened.")


class AuditEntry(models.Model):
    """One act of staff, or of the system in their name.

    Written by `accounts.staff.audit_log` alone, in the act's transaction. Each row carries the digest of the previous
    one, so that the audit finds rows that were changed or removed; database triggers refuse both.
    """

    number = models.PositiveBigIntegerField(_("number"), unique=True, help_text=_("1, 2, 3 … without a gap."))
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    actor_name = models.CharField(
        _("by"), max_length=150, blank=True, default="", help_text=_("As it was then.")
    )
    action = models.CharField(_("act"), max_length=60)
    subject_kind = models.CharField(_("kind"), max_length=40, blank=True, default="")
    subject_id = models.CharField(_("of"), max_length=64, blank=True, default="")
    subject_name = models.CharField(_("name"), max_length=200, blank=True, default="")
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text=_("Whose affairs it touched."),
    )
    case = models.BigIntegerField(_("case"), null=True, help_text=_("The number of the case it belongs to."))
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    detail = models.JSONField(
        _("detail"), default=dict, blank=True, help_text=_("What was there before and after.")
    )
    at = models.DateTimeField(_("when"))
    previous = models.CharField(max_length=64, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of the record")
        verbose_name_plural = _("audit log")
        ordering: ClassVar = ["-number"]
        indexes: ClassVar = [
            models.Index(name="audit_of_actor", fields=["actor", "-number"]),
            models.Index(
                name="audit_of_account", fields=["account", "-number"], condition=Q(account__isnull=False)
            ),
            models.Index(name="audit_of_case", fields=["case", "number"], condition=Q(case__isnull=False)),
            models.Index(name="audit_of_subject", fields=["subject_kind", "subject_id", "-number"]),
            models.Index(name="audit_of_action", fields=["action", "-number"]),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError("The record is never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("The record is never shortened.")


class Sanction(models.Model):
    """A warning, a mute or a ban. Written by `accounts.staff.sanctions` alone; lifted, never deleted."""

    class Kind(models.TextChoices):
        WARNING = "warning", _("warning")
        MUTE = "mute", _("muted")
        BAN = "ban", _("banned")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sanctions")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    reason = models.CharField(_("reason"), max_length=200, help_text=_("The member reads it."))
    note = models.CharField(
        _("note"), max_length=500, blank=True, default="", help_text=_("For staff alone.")
    )
    case = models.BigIntegerField(_("case"), null=True, blank=True)
    made_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("since"), db_default=Now())
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: until it is lifted."))
    lifted_at = models.DateTimeField(_("lifted"), null=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lift_reason = models.CharField(_("why lifted"), max_length=200, blank=True, default="")
    work_owed = models.BooleanField(
        default=False, editable=False, help_text=_("Its queued work and webhooks are still to be ended.")
    )
    hides = models.BooleanField(
        _("hides public pictures"),
        default=False,
        help_text=_("Their public pictures leave the gallery, and come back when it is lifted."),
    )
    hiding_owed = models.BooleanField(default=False, editable=False)
    before = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What was there before a ban, to be restored when it is lifted."),
    )

    class Meta:
        verbose_name = _("sanction")
        verbose_name_plural = _("sanctions")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="sanction_of_user", fields=["user", "-id"]),
            models.Index(name="sanction_work_owed", fields=["id"], condition=Q(work_owed=True)),
            models.Index(name="sanction_hiding_owed", fields=["id"], condition=Q(hiding_owed=True)),
            models.Index(
                name="sanction_ends",
                fields=["until"],
                condition=Q(until__isnull=False, lifted_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="sanction_one_ban", fields=["user"], condition=Q(kind="ban", lifted_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.user}"
