"""Secret fingerprints: detect a process whose secrets differ from those its database was made with.

A process with other secrets would run and do harm: it would end sessions and signed URLs of the others, and could not
read what they encrypted. So the first start stores fingerprints, and later starts are compared with them. Of each kind
a process may have several secrets, newest first; it matches while one of them is known, which is how they are rotated.
Without stored fingerprints (a dump from before they existed) it matches while some of the encrypted data can be read.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from itertools import chain, islice

from django.contrib.sessions.backends.db import SessionStore
from django.core import signing
from django.db import transaction

from accounts.models import SecretFingerprint
from core import crypto
from core.clock import Now

Kind = SecretFingerprint.Kind
SETTINGS = {Kind.SECRET_KEY: "DARKROOM_SECRET_KEY", Kind.VAULT_KEY: "DARKROOM_KEYS"}
_SAMPLE = 1000
"""How many of the newest sessions, and values of each encrypted column, are tried."""


def fingerprint(kind: Kind, secret: str) -> str:
    """The fingerprint: 64 hex digits, from which the secret cannot be derived."""
    return hmac.new(secret.encode(), f"darkroom {kind}".encode(), hashlib.sha256).hexdigest()


def own_fingerprints() -> dict[Kind, list[str]]:
    """Fingerprints of this process's secrets, newest first."""
    held = {
        Kind.SECRET_KEY: crypto.signing_keys(),
        Kind.VAULT_KEY: list(crypto.keys()),
    }
    return {kind: [fingerprint(kind, secret) for secret in secrets] for kind, secrets in held.items()}


def mismatches() -> list[Kind]:
    """Kinds of secret with which this process does not match its database. Raises DatabaseError.

    The database knows only others, or holds only data that this process cannot read.
    """
    stored = _known()
    return [
        kind
        for kind, digests in own_fingerprints().items()
        if (not stored[kind] & set(digests) if stored[kind] else _READS_NOTHING[kind]())
    ]


def renew() -> None:
    """Store exactly this process's fingerprints, for the kinds that match: adds new ones, removes retired ones.

    Called once per start, while no other process starts.
    """
    stored, wrong = _known(), mismatches()
    for kind, digests in own_fingerprints().items():
        if kind not in wrong and stored[kind] != set(digests):
            _replace(kind, digests)


def accept() -> None:
    """Store this process's fingerprints whatever the database knew: the other secrets are lost or retired."""
    for kind, digests in own_fingerprints().items():
        _replace(kind, digests)


def _known() -> dict[Kind, set[str]]:
    found: dict[Kind, set[str]] = {kind: set() for kind in Kind}
    for kind, digest in SecretFingerprint.objects.values_list("kind", "digest"):
        found[Kind(kind)].add(digest)
    return found


def _reads_no_session() -> bool:
    """Whether there are sessions, all signed with other keys."""
    newest = SessionStore.get_model_class().objects.filter(expire_date__gt=Now()).order_by("-expire_date")
    store = SessionStore()

    def is_ours(data: str) -> bool:
        try:
            signing.loads(data, salt=store.key_salt, serializer=store.serializer)
        except signing.BadSignature:
            return False
        return True

    return _all_fail(newest.values_list("session_data", flat=True)[:_SAMPLE], is_ours)


def _reads_no_secret() -> bool:
    """Whether there are encrypted values, none of which a key decrypts."""
    # Imported here: no other process needs allauth's MFA modules.
    from accounts.auth import second_factor

    columns = (
        model._default_manager.exclude(**{column: ""}).order_by("-pk").values_list(column, flat=True)
        for model, column in crypto.registered_columns()
    )
    values = chain.from_iterable(newest[:_SAMPLE] for newest in columns)
    factors = islice(second_factor.encrypted_values(), _SAMPLE)
    keys = crypto.keys()
    return _all_fail(chain(values, factors), lambda stored: crypto.can_decrypt(stored, keys))


def _all_fail(values: Iterable[str], fits: Callable[[str], bool]) -> bool:
    """Whether there are values and none of them fits."""
    failed = False
    for value in values:
        if fits(value):
            return False
        failed = True
    return failed


_READS_NOTHING = {Kind.SECRET_KEY: _reads_no_session, Kind.VAULT_KEY: _reads_no_secret}


@transaction.atomic
def _replace(kind: Kind, digests: list[str]) -> None:
    rows = SecretFingerprint.objects.filter(kind=kind)
    rows.exclude(digest__in=digests).delete()
    SecretFingerprint.objects.bulk_create(
        [SecretFingerprint(kind=kind, digest=digest) for digest in digests], ignore_conflicts=True
    )
