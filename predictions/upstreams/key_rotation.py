"""Encryption of stored secrets and rotation of its keys: DARKROOM_KEYS, the newest encrypts, any decrypts.

Secrets encrypted or decrypted here are redacted in this process's logs from then on.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Model

from core import crypto
from core.crypto import NoMatchingKey, decrypt, encrypt
from predictions.models import Classifier, Upstream, UpstreamKey

__all__ = [
    "NoMatchingKey",
    "add_key",
    "decrypt",
    "encrypt",
    "hint",
    "new_key",
    "register_columns",
    "rotate_all",
    "rotation",
    "unreadable",
]

_HINT = 4
_HINTED_FROM = 12


def register_columns() -> None:
    """Register the columns with encrypted secrets; called once when the app is ready."""
    crypto.register_column(UpstreamKey, "secret")
    crypto.register_column(Upstream, "webhook_secret")
    crypto.register_column(Classifier, "secret")


def hint(secret: str) -> str:
    """The last four characters of a secret, to tell one from another; empty for a short one."""
    return secret[-_HINT:] if len(secret) >= _HINTED_FROM else ""


def new_key() -> str:
    """A fresh key for DARKROOM_KEYS."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode("ascii")


def add_key() -> Path:
    """Put a fresh key in front of the file that the keys stand in, and give the file.

    Every running process reads the file anew with the next secret. Raises NoMatchingKey where they stand in the
    environment itself, which only the operator can change.
    """
    path: Path | None = settings.VAULT_KEYS_FILE
    if path is None:
        raise NoMatchingKey("DARKROOM_KEYS stands in the environment: put a new key in front of it there.")
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    text = "\n".join([new_key(), *crypto.keys()]) + "\n"
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def rotate_all() -> int:
    """Re-encrypt every stored secret with the newest key; returns their number. Raises NoMatchingKey.

    Idempotent, and safe beside running processes: a row is changed only if it still is as it was read.
    """
    rows: list[tuple[type[Model], str, int, str]] = []
    for model, column in crypto.registered_columns():
        found = model._default_manager.exclude(**{column: ""}).order_by("pk").values_list("pk", column)
        rows += [(model, column, pk, stored) for pk, stored in found]
    # All are read before the first is written: one that fits no key stops it while nothing has changed.
    fresh = [encrypt(decrypt(stored)) for _model, _column, _pk, stored in rows]
    changed = 0
    for (model, column, pk, stored), again in zip(rows, fresh, strict=True):
        with transaction.atomic():
            same = model._default_manager.filter(pk=pk, **{column: stored})
            changed += same.update(**{column: again})
    return changed


@dataclass(frozen=True)
class Rotation:
    """How many keys there are, and how many stored secrets were encrypted with which of them."""

    keys: int
    newest: int
    older: int
    lost: int
    """Those that fit none."""
    in_file: bool
    """Whether the keys stand in a file, which `keys rotate --add` may write."""


def rotation() -> Rotation:
    """The state of a key rotation. Raises NoMatchingKey where a configured key is invalid."""
    stored = [
        one
        for model, column in crypto.registered_columns()
        for one in model._default_manager.exclude(**{column: ""}).values_list(column, flat=True)
    ]
    keys = crypto.keys()
    newest = sum(crypto.can_decrypt(one, keys[:1]) for one in stored)
    readable = sum(crypto.can_decrypt(one, keys) for one in stored)
    return Rotation(
        len(keys), newest, readable - newest, len(stored) - readable, settings.VAULT_KEYS_FILE is not None
    )


def unreadable() -> list[str]:
    """What is stored and fits no key, in words without any secret."""
    found = []
    for key in UpstreamKey.objects.select_related("upstream").order_by("pk"):
        if not _fits(key.secret):
            found.append(f"the key {key.label} of {key.upstream.name}")
    for upstream in Upstream.objects.exclude(webhook_secret="").order_by("pk"):
        if not _fits(upstream.webhook_secret):
            found.append(f"the webhook secret of {upstream.name}")
    for classifier in Classifier.objects.exclude(secret="").order_by("pk"):
        if not _fits(classifier.secret):
            found.append(f"the secret of the classifier {classifier.name}")
    keys = crypto.keys()
    for model, column in crypto.registered_columns():
        if model not in (UpstreamKey, Upstream, Classifier):
            rows = model._default_manager.exclude(**{column: ""}).values_list(column, flat=True)
            if lost := sum(not crypto.can_decrypt(stored, keys) for stored in rows):
                found.append(f"{model._meta.verbose_name_plural} ({lost})")
    return found


def _fits(stored: str) -> bool:
    try:
        decrypt(stored)
    except NoMatchingKey:
        return False
    return True
