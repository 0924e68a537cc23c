"""Secrets of this process compared with those that its database was made with, by fingerprints that the database keeps.

A process with other secrets would work and do harm: sessions and signed addresses of its fellows would end at it, and
what they encrypted it could not read. So the first start leaves fingerprints, and later ones are compared. Of each kind
a process may have several, newest first: it fits while one of them is known, which is how they are changed.
"""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import transaction

from accounts import sealing
from accounts.models import SecretFingerprint

Kind = SecretFingerprint.Kind
SETTINGS = {Kind.SECRET_KEY: "DARKROOM_SECRET_KEY", Kind.VAULT_KEY: "DARKROOM_KEYS"}


def of(kind: Kind, secret: str) -> str:
    """The fingerprint: 64 hex digits, from which nobody works out the secret."""
    return hmac.new(secret.encode(), f"darkroom {kind}".encode(), hashlib.sha256).hexdigest()


def own() -> dict[Kind, list[str]]:
    """The fingerprints of what this process has, newest first."""
    held = {
        Kind.SECRET_KEY: [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
        Kind.VAULT_KEY: list(sealing.keys()),
    }
    return {kind: [of(kind, secret) for secret in secrets] for kind, secrets in held.items()}


def misfits() -> list[Kind]:
    """The kinds of which the database knows others only. Raises DatabaseError."""
    known = _known()
    return [kind for kind, digests in own().items() if known[kind] and not known[kind] & set(digests)]


def renew() -> None:
    """Know exactly what this process has, of the kinds that fit: new ones are added, and what it has no more goes.

    Called once by each start, while no other prepares.
    """
    known, wrong = _known(), misfits()
    for kind, digests in own().items():
        if kind not in wrong and known[kind] != set(digests):
            _replace(kind, digests)


def accept() -> None:
    """Take what this process has for right, whatever the database knew: the others are lost, or are not to be used."""
    for kind, digests in own().items():
        _replace(kind, digests)


def _known() -> dict[Kind, set[str]]:
    found: dict[Kind, set[str]] = {kind: set() for kind in Kind}
    for kind, digest in SecretFingerprint.objects.values_list("kind", "digest"):
        found[Kind(kind)].add(digest)
    return found


@transaction.atomic
def _replace(kind: Kind, digests: list[str]) -> None:
    rows = SecretFingerprint.objects.filter(kind=kind)
    rows.exclude(digest__in=digests).delete()
    SecretFingerprint.objects.bulk_create(
        [SecretFingerprint(kind=kind, digest=digest) for digest in digests], ignore_conflicts=True
    )
