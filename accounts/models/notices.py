"""Notifications of users, in the inbox and by e-mail, and their e-mail preferences."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from core.clock import Now


class Notice(models.Model):
    """One notification of a user. Its text is rendered on reading, in the reader's language.

    Written by `accounts.notifications.notices` in the transaction of the event; a periodic job sends the e-mail.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="notices")
    address = models.EmailField(
        _("address"),
        blank=True,
        default="",
        help_text=_("Of somebody who has no account yet; else the user's own."),
    )
    language = models.CharField(max_length=10, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=40)
    params = models.JSONField(default=dict, blank=True, help_text=_("What its words name."))
    link = models.CharField(_("leads to"), max_length=500, blank=True, default="")
    created_at = models.DateTimeField(_("when"), db_default=Now())
    read_at = models.DateTimeField(_("read"), null=True)
    mail_owed = models.BooleanField(_("mail owed"), default=False)
    mail_tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    mail_at = models.DateTimeField(_("next try"), db_default=Now())
    mailed_at = models.DateTimeField(_("mailed"), null=True)
    mail_note = models.CharField(_("what happened"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="notice_of_user", fields=["user", "-id"]),
            models.Index(name="notice_unread", fields=["user"], condition=Q(read_at__isnull=True)),
            models.Index(name="notice_mail_owed", fields=["mail_at"], condition=Q(mail_owed=True)),
            models.Index(name="notice_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} · {self.user or self.address}"


class NoticeChoice(models.Model):
    """Whether a user wants e-mails of this kind. The inbox gets the notice in any case."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notice_choices")
    kind = models.CharField(_("kind"), max_length=40)
    mail = models.BooleanField(_("by mail"), default=True)

    class Meta:
        verbose_name = _("choice of notices")
        verbose_name_plural = _("choices of notices")
        constraints: ClassVar = [
            models.UniqueConstraint(name="notice_choice_once", fields=["user", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.kind}"
