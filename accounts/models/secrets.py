"""Which secrets this database was made with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.clock import Now


class SecretFingerprint(models.Model):
    """A keyed digest of a secret that processes of this database have: it tells one from another, and no more."""

    class Kind(models.TextChoices):
        SECRET_KEY = "secret_key"  # noqa: S105 (the name of a kind)
        VAULT_KEY = "vault_key"

    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "digest"], name="secret_fingerprint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"
