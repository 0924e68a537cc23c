"""Fingerprints of the secrets this database was made with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.clock import Now


class SecretFingerprint(models.Model):
    """A keyed digest of a secret of the installation: identifies it and reveals nothing of it."""

    class Kind(models.TextChoices):
        SECRET_KEY = "secret_key", "DARKROOM_SECRET_KEY"
        VAULT_KEY = "vault_key", "DARKROOM_KEYS"

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    digest = models.CharField(_("fingerprint"), max_length=64)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("fingerprint of a secret")
        verbose_name_plural = _("fingerprints of secrets")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "digest"], name="secret_fingerprint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"
