"""Secrets of this process compared with those that its database was made with, by fingerprints that the database keeps.

A process with other secrets would work and do harm: sessions and signed addresses of its fellows would end at it, and
what they encrypted it could not read. So the first start leaves fingerprints, and later ones are compared. Of each kind
a process may have several, newest first: it fits while one of them is known, which is how they are changed. Where none
is known yet, in a dump from before there were any, what the database holds tells: it fits while some of it can be read.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from itertools import chain, islice

from django.core import signing
from django.db import transaction

from accounts.models import SecretFingerprint
from core import crypto
from core.clock import Now

Kind = SecretFingerprint.Kind
SETTINGS = {Kind.SECRET_KEY: "DARKROOM_SECRET_KEY", Kind.VAULT_KEY: "DARKROOM_KEYS"}
_LOOKED_AT = 1000
"""So many sessions, and values of each encrypted column, tell whether anything can be read: the newest."""


def fingerprint(kind: Kind, secret: str) -> str:
    """The fingerprint: 64 hex digits, from which nobody works out the secret."""
    return hmac.new(secret.encode(), f"darkroom {kind}".encode(), hashlib.sha256).hexdigest()


def own() -> dict[Kind, list[str]]:
    """The fingerprints of what this process has, newest first."""
    held = {
        Kind.SECRET_KEY: crypto.signing_keys(),
        Kind.VAULT_KEY: list(crypto.keys()),
    }
    return {kind: [fingerprint(kind, secret) for secret in secrets] for kind, secrets in held.items()}


def misfits() -> list[Kind]:
    """The kinds of which the database knows others only, or holds what only others can read. Raises DatabaseError."""
    known = _known()
    return [
        kind
        for kind, digests in own().items()
        if (not known[kind] & set(digests) if known[kind] else _READS_NOTHING[kind]())
    ]


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


def _reads_no_session() -> bool:
    """There are sessions, and all of them were signed with other keys."""
    from django.contrib.sessions.backends.db import SessionStore

    newest = SessionStore.get_model_class().objects.filter(expire_date__gt=Now()).order_by("-expire_date")
    store = SessionStore()

    def is_ours(data: str) -> bool:
        try:
            signing.loads(data, salt=store.key_salt, serializer=store.serializer)
        except signing.BadSignature:
            return False
        return True

    return _all_fail(newest.values_list("session_data", flat=True)[:_LOOKED_AT], is_ours)


def _reads_no_secret() -> bool:
    """There are encrypted values, and none of the keys fits any of them."""
    # Not at the top: no other process needs what second factors are made with.
    from accounts.auth import second_factor

    columns = (
        model._default_manager.exclude(**{column: ""}).order_by("-pk").values_list(column, flat=True)
        for model, column in crypto.held()
    )
    values = chain.from_iterable(newest[:_LOOKED_AT] for newest in columns)
    factors = islice(second_factor.stored(), _LOOKED_AT)
    keys = crypto.keys()
    return _all_fail(chain(values, factors), lambda stored: crypto.opens(stored, keys))


def _all_fail(values: Iterable[str], fits: Callable[[str], bool]) -> bool:
    """Whether there are any, and none of them fits."""
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
