"""Models of a member's preferences: presets of the studio, and how pictures are shown and kept."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.clock import Now
from predictions.models import HostedModel


class Preset(models.Model):
    """Saved form settings of a model. `values` are the studio's form fields (name to text)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="presets")
    model = models.ForeignKey(HostedModel, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    values = models.JSONField(_("settings"), default=dict)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("preset")
        verbose_name_plural = _("presets")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(name="preset_name_once", fields=["user", "name"])]

    def __str__(self) -> str:
        return self.name


class ReaderChoice(models.Model):
    """How the gallery shows sensitive pictures to a member, and after how many days their private items go to
    the trash."""

    class Sensitive(models.TextChoices):
        BLUR = "blur", _("Blurred until I ask")
        SHOW = "show", _("Shown")
        HIDE = "hide", _("Left out")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reading")
    sensitive = models.CharField(
        _("sensitive pictures"), max_length=4, choices=Sensitive, default=Sensitive.BLUR
    )
    keep_days = models.PositiveSmallIntegerField(
        _("days that private pictures are kept"),
        null=True,
        blank=True,
        help_text=_("Empty: until their owner deletes them."),
    )

    class Meta:
        verbose_name = _("choice of a reader")
        verbose_name_plural = _("choices of readers")
        indexes: ClassVar = [
            models.Index(
                name="reader_keeps_for_days", fields=["id"], condition=models.Q(keep_days__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.sensitive}"
