"""Models of likes, follows, comments and reports."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import Now
from gallery.models.collections import Collection
from gallery.models.items import Item


class Like(models.Model):
    """A member's like of an item, maybe of their own. `recent`: from the last seven days, counted in the week's
    list."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="liked")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="likes")
    recent = models.BooleanField(default=True)
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("like")
        verbose_name_plural = _("likes")
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [models.UniqueConstraint(name="like_once", fields=["item", "user"])]
        indexes: ClassVar = [
            models.Index(name="like_of_user", fields=["user", "-created_at", "-id"]),
            models.Index(name="like_recent", fields=["created_at"], condition=Q(recent=True)),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.item}"


class Follow(models.Model):
    """A member follows another, whose published items appear in their feed."""

    follower = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="following")
    followed = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="followers")
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("follow")
        verbose_name_plural = _("follows")
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="follow_once", fields=["follower", "followed"]),
            models.CheckConstraint(name="follow_not_oneself", condition=~Q(follower=models.F("followed"))),
        ]

    def __str__(self) -> str:
        return f"{self.follower} → {self.followed}"


class Comment(models.Model):
    """A member's comment under a published item. Removed ones are kept for as long as moderation needs them."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="comment_rows")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField(_("text"), max_length=2000)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)
    hidden_at = models.DateTimeField(_("hidden by a moderator"), null=True, blank=True)
    created_at = models.DateTimeField(_("written"), db_default=Now())

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(name="comment_of_item", fields=["item", "-created_at", "-id"]),
            models.Index(name="comment_of_user", fields=["user", "-created_at", "-id"]),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Report(models.Model):
    """A report of an item, a comment or a collection, by a member or a visitor."""

    class Reason(models.TextChoices):
        SEXUAL = "sexual", _("Sexual, or not marked as sensitive")
        VIOLENCE = "violence", _("Violence or gore")
        HATE = "hate", _("Hate or harassment")
        PERSON = "person", _("A real person who did not agree")
        COPIED = "copied", _("Copied work")
        OTHER = "other", _("Something else against the law or the rules")

    class Outcome(models.TextChoices):
        NONE = "", _("nothing yet")
        ACTED = "acted", _("that we acted")
        LEFT = "left", _("that it was left as it is")

    item = models.ForeignKey(Item, on_delete=models.PROTECT, null=True, blank=True, related_name="reports")
    comment = models.ForeignKey(
        Comment, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    collection = models.ForeignKey(
        Collection, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    reason = models.CharField(_("reason"), max_length=16, choices=Reason)
    words = models.TextField(_("in their words"), max_length=2000, blank=True, default="")
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    reporter_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text=_("A keyed hash of a visitor's network, so that one person's reports can be told."),
    )
    case = models.ForeignKey(
        "gallery.Case",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reports",
        verbose_name=_("case"),
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    told = models.CharField(
        _("told the reporter"), max_length=8, choices=Outcome, blank=True, default="", editable=False
    )
    created_at = models.DateTimeField(_("reported"), db_default=Now())

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                name="report_open", fields=["-created_at", "-id"], condition=Q(closed_at__isnull=True)
            ),
            models.Index(name="report_of_reporter", fields=["reporter", "item"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="report_of_one_thing",
                condition=Q(item__isnull=False, comment__isnull=True, collection__isnull=True)
                | Q(item__isnull=True, comment__isnull=False, collection__isnull=True)
                | Q(item__isnull=True, comment__isnull=True, collection__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} · {self.item or self.comment or self.collection}"
