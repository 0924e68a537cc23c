"""Counters of recent attempts, one row per subject, pruned soon after their window."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.clock import Now


class Throttle(models.Model):
    """Attempts of one kind by one user, network or device within a window.

    Written by `accounts.auth.attempt_limits` alone.
    """

    what = models.CharField(_("what"), max_length=20, editable=False)
    who = models.CharField(
        _("who"), max_length=64, editable=False, help_text=_("A keyed hash, which counts without telling.")
    )
    count = models.PositiveIntegerField(_("tries"), default=0, editable=False)
    ends_at = models.DateTimeField(_("until"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("count of tries")
        verbose_name_plural = _("counts of tries")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [models.UniqueConstraint(name="throttle_once", fields=["what", "who"])]
        indexes: ClassVar = [models.Index(name="throttle_ends", fields=["ends_at"])]

    def __str__(self) -> str:
        return f"{self.what} · {self.count}"
