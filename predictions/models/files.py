"""Stored files, uploads, outputs and previews.

Every stored file has a row before it exists and until after it is gone.
"""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import Now


class StoredFile(models.Model):
    """One file in the storage `outputs`. Written by `predictions.files.media` alone.

    `pending` before its bytes are written, `kept` once something owns it, `doomed` once nothing does: the sweep
    removes the bytes of doomed and of stale pending files, then the row.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("being written")
        KEPT = "kept", _("kept")
        DOOMED = "doomed", _("to be removed")

    key = models.CharField(_("place"), max_length=200, unique=True)
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        help_text=_("Whose room it takes; empty: the server's own."),
    )
    is_upload = models.BooleanField(_("is an upload"), default=False, db_default=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PENDING)
    size = models.BigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    content_type = models.CharField(_("type"), max_length=100, blank=True, default="")
    width = models.PositiveIntegerField(_("width"), null=True)
    height = models.PositiveIntegerField(_("height"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    doomed_at = models.DateTimeField(
        _("doomed"),
        null=True,
        help_text=_("Since when nothing owns it; the audit asks whether the sweep came."),
    )
    removal_failures = models.PositiveIntegerField(
        _("failed removals"), default=0, db_default=0, help_text=_("How often the storage did not remove it.")
    )
    removal_due_at = models.DateTimeField(
        _("next removal"), null=True, help_text=_("Put aside until then after a failed removal.")
    )

    class Meta:
        verbose_name = _("stored file")
        verbose_name_plural = _("stored files")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="stored_file_state", condition=Q(state__in=["pending", "kept", "doomed"])
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="stored_file_not_kept", fields=["state", "created_at"], condition=~Q(state="kept")
            ),
            # Covering index for the sum over one account's files.
            models.Index(
                name="stored_file_of_account",
                fields=["account", "state", "is_upload", "size"],
                condition=Q(account__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.key


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible(self) -> UploadQuerySet:
        """Neither deleted nor expired."""
        return self.filter(deleted_at__isnull=True, expires_at__gt=Now())


def new_upload_id() -> str:
    """26 lower-case letters and digits. Begins with `f`, so never with `stream`, which begins a stream's id."""
    return "f" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(25))


class Upload(models.Model):
    """A file that a member uploaded to use as an input. Removed at its expiry, or once deleted and no longer in use."""

    public_id = models.CharField(max_length=26, unique=True, default=new_upload_id, editable=False)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="upload")
    name = models.CharField(_("file name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100)
    md5 = models.CharField(max_length=32)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    expires_at = models.DateTimeField(_("expires"))
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(name="upload_of_account", fields=["account", "-created_at", "-id"]),
            models.Index(name="upload_age", fields=["expires_at"]),
            models.Index(name="upload_deleted", fields=["deleted_at"], condition=Q(deleted_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class UploadUse(models.Model):
    """Pins an upload while a prediction that names it in its input has not ended, so that its bytes stay.

    Written in the transaction that accepts the prediction, deleted in the one that ends it, by
    `predictions.files.uploads` alone.
    """

    upload = models.ForeignKey(
        Upload, on_delete=models.PROTECT, related_name="uses", db_index=False, verbose_name=_("upload")
    )
    prediction = models.ForeignKey(
        "predictions.Prediction", on_delete=models.PROTECT, related_name="upload_uses"
    )

    class Meta:
        verbose_name = _("use of an upload")
        verbose_name_plural = _("uses of uploads")
        constraints: ClassVar = [
            models.UniqueConstraint(name="upload_use_once", fields=["upload", "prediction"]),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} {self.prediction_id}"


class Output(models.Model):
    """One file that a prediction made. Its token is the unguessable part of its URL."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.PROTECT, related_name="outputs")
    index = models.PositiveIntegerField(_("index"))
    name = models.CharField(_("file name"), max_length=100)
    token = models.CharField(max_length=40, unique=True)
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="output")
    small = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="+", null=True)
    medium = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="+", null=True)
    colour = models.CharField(_("dominant colour"), max_length=7, blank=True, default="", help_text="#rrggbb")
    blur = models.TextField(
        blank=True, default="", help_text=_("A tiny blurred picture as a data URI, shown while loading.")
    )
    withheld = models.BooleanField(
        _("withheld"),
        default=False,
        help_text=_("Hidden by a moderator: only its owner still gets the file."),
    )
    marks = models.JSONField(
        _("marks"),
        default=dict,
        blank=True,
        help_text=_("What classifiers and the upstream said of it: labels with scores from 0 to 1."),
    )
    phash = models.CharField(
        _("perceptual hash"),
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text=_("256 bits as hex."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("output")
        verbose_name_plural = _("outputs")
        ordering: ClassVar = ["prediction", "index"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="output_index_once", fields=["prediction", "index"]),
        ]

    def __str__(self) -> str:
        return self.name


class Preview(models.Model):
    """The newest preview of an unfinished image. Deleted when its prediction ends."""

    prediction = models.OneToOneField(
        "predictions.Prediction", on_delete=models.CASCADE, primary_key=True, related_name="preview"
    )
    number = models.PositiveIntegerField(_("number"), default=1, help_text=_("Grows with each look."))
    content_type = models.CharField(max_length=40, default="image/jpeg")
    data = models.BinaryField()
    at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("preview")
        verbose_name_plural = _("previews")

    def __str__(self) -> str:
        return f"{self.prediction_id} {self.number}"
