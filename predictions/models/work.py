"""Signs of life of the processes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.clock import Now


class Beat(models.Model):
    """The last sign of life of one process, by kind and instance. `/health` asks for one fresh beat of each kind."""

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
