"""Models of moderation: cases, bulk hides of a member's pictures, and sealed evidence of removed ones."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from core.clock import Now
from gallery.models.collections import Collection
from gallery.models.items import Item
from gallery.models.social import Comment, Report
from predictions.models import StoredFile, Upload


class Case(models.Model):
    """Something that a moderator decides. Its number is its id. Written by `gallery.moderation` alone.

    The subject may be deleted (removed, or by its owner); `about` then still names it.
    """

    class Kind(models.TextChoices):
        REPORT = "report", pgettext_lazy("case", "reported")
        FLAG = "flag", _("found by a rule")
        REVIEW = "review", _("waits for review")
        APPEAL = "appeal", _("appeal")

    class Decision(models.TextChoices):
        ALLOW = "allow", _("allowed")
        HIDE = "hide", _("hidden")
        REMOVE = "remove", _("removed")
        RESTORE = "restore", _("restored")
        UPHOLD = "uphold", _("decision stands")
        PUBLISH = "publish", pgettext_lazy("decision", "published")
        REFUSE = "refuse", _("not published")
        GONE = "gone", _("taken back by its owner")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    item = models.ForeignKey(Item, on_delete=models.SET_NULL, null=True, related_name="cases")
    comment = models.ForeignKey(Comment, on_delete=models.SET_NULL, null=True, related_name="cases")
    collection = models.ForeignKey(Collection, on_delete=models.SET_NULL, null=True, related_name="cases")
    upload = models.ForeignKey(
        Upload,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="cases",
        help_text=_("The file that somebody sent, while it is there."),
    )
    look = models.OneToOneField(
        StoredFile,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="look_of",
        help_text=_("What a sent file looks like, kept for moderators."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cases", verbose_name=_("about")
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(_("what it was"), max_length=200, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=16, choices=Report.Reason, blank=True, default="")
    words = models.TextField(
        _("in their words"),
        max_length=2000,
        blank=True,
        default="",
        help_text=_("Of the first report, or the appeal."),
    )
    count = models.PositiveIntegerField(_("reports"), default=1)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="appeals",
        help_text=_("What an appeal is against."),
    )
    sanction = models.ForeignKey(
        "accounts.Sanction",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text=_("Or which sanction."),
    )
    wish = models.JSONField(
        default=dict, blank=True, help_text=_("What its owner wants to be published how.")
    )
    marks = models.JSONField(default=dict, blank=True, help_text=_("What the rules and classifiers found."))
    opened_at = models.DateTimeField(_("open since"), db_default=Now())
    decision = models.CharField(_("decision"), max_length=8, choices=Decision, blank=True, default="")
    told = models.CharField(_("told to the member"), max_length=200, blank=True, default="")
    note = models.CharField(_("note for the record"), max_length=500, blank=True, default="")
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    done = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What the decision changed, so that it can be taken back."),
    )
    batch = models.CharField(
        max_length=22,
        blank=True,
        default="",
        editable=False,
        help_text=_("The same for all that was decided with one key."),
    )

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("decide_case", "Can decide cases: allow, hide, restore, warn, mute and ban"),
            ("remove_item", "Can remove pictures for good and open sealed evidence"),
        ]
        indexes: ClassVar = [
            models.Index(
                name="case_open", fields=["kind", "-opened_at", "-id"], condition=Q(decided_at__isnull=True)
            ),
            models.Index(
                name="case_closed", fields=["-decided_at", "-id"], condition=Q(decided_at__isnull=False)
            ),
            models.Index(name="case_of_user", fields=["user", "-id"]),
            models.Index(
                name="case_by_moderator",
                fields=["decided_by", "-decided_at", "-id"],
                condition=Q(decided_by__isnull=False),
            ),
            models.Index(name="case_of_batch", fields=["batch"], condition=~Q(batch="")),
            models.Index(
                name="case_looks",
                fields=["decided_at"],
                condition=Q(look__isnull=False, decided_at__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="case_open_once_item",
                fields=["item", "kind"],
                condition=Q(decided_at__isnull=True, item__isnull=False),
            ),
            models.UniqueConstraint(
                name="case_open_once_comment",
                fields=["comment", "kind"],
                condition=Q(decided_at__isnull=True, comment__isnull=False),
            ),
            models.UniqueConstraint(
                name="case_open_once_collection",
                fields=["collection", "kind"],
                condition=Q(decided_at__isnull=True, collection__isnull=False),
            ),
            models.UniqueConstraint(
                name="case_one_appeal", fields=["parent"], condition=Q(parent__isnull=False)
            ),
            models.UniqueConstraint(
                name="case_one_appeal_of_sanction",
                fields=["sanction"],
                condition=Q(kind="appeal", sanction__isnull=False),
            ),
            models.CheckConstraint(
                name="case_decided_has_time",
                condition=Q(decision="", decided_at__isnull=True)
                | (~Q(decision="") & Q(decided_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.get_kind_display()}"


class AccountDeed(models.Model):
    """A background hide or restore of all public pictures of a member. Written by `gallery.moderation` alone.

    It runs until `done_at`; `last_id` is its progress. Every item it hides carries the hide's own time in
    `hidden_at`, by which the restore finds it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("about")
    )
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="deeds")
    of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="taken_back",
        help_text=_("Which hiding it takes back; empty: it hides."),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("since"), db_default=Now())
    last_id = models.BigIntegerField(default=0)
    changed = models.PositiveIntegerField(_("pictures"), default=0)
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        verbose_name = _("deed on all pictures of a member")
        verbose_name_plural = _("deeds on all pictures of a member")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="account_deed_owed", fields=["id"], condition=Q(done_at__isnull=True)),
            models.Index(name="account_deed_of_user", fields=["user", "-id"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="account_deed_one_at_once", fields=["user"], condition=Q(done_at__isnull=True)
            ),
            models.UniqueConstraint(
                name="account_deed_taken_back_once", fields=["of"], condition=Q(of__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.changed}"


class Evidence(models.Model):
    """Evidence of a removed picture: file and texts are encrypted, and every access is in the audit log."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, related_name="evidence")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    item_id_then = models.CharField(_("item"), max_length=32)
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, null=True, related_name="evidence")
    content_type = models.CharField(max_length=100, blank=True, default="")
    words = models.TextField(blank=True, default="", help_text=_("Prompt, settings and reports, encrypted."))
    phash = models.CharField(max_length=64, blank=True, default="")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("sealed"), db_default=Now())
    sealed_until = models.DateTimeField(_("kept until"))
    gone_at = models.DateTimeField(_("gone"), null=True)
    sealing_owed = models.BooleanField(
        default=False, editable=False, help_text=_("Its file is still to be encrypted.")
    )
    block_owed = models.BooleanField(
        default=False, editable=False, help_text=_("The same picture is to be refused from now on.")
    )

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="evidence_sealing_owed", fields=["id"], condition=Q(sealing_owed=True)),
            models.Index(name="evidence_due", fields=["sealed_until"], condition=Q(gone_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.item_id_then
