"""E-mail address rules: disposable domains are refused at sign-up, and unverified addresses get no mail."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from functools import cache

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.site import site_rules

_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def canonical(email: str) -> str:
    """The canonical spelling of an address: ASCII letters lower-cased, others left alone."""
    return email.translate(_TO_LOWER)


def spellings(email: str) -> set[str]:
    """The spellings in which this address may be stored, for exact comparison.

    Case-insensitive comparison would be unsafe: PostgreSQL folds `ı` to `i`, and Python the Kelvin sign to `k`, so
    that somebody else's address would match.
    """
    return {email, canonical(email)}


def refuse_disposable(email: str) -> None:
    """Raise ValidationError for a disposable address, where the site refuses those."""
    if is_refused(email):
        raise ValidationError(_("Addresses of this mail service are not taken here. Please give another."))


def is_refused(email: str) -> bool:
    """Whether the domain or one of its parents is refused. Domains that the operator allows come first."""
    names = list(_with_parents(email.rpartition("@")[2]))
    if not _listed(settings.EMAIL_DOMAINS_ALLOWED).isdisjoint(names):
        return False
    if not _listed(settings.EMAIL_DOMAINS_REFUSED).isdisjoint(names):
        return True
    return site_rules.current().refuse_disposable and any(name in _disposable_domains() for name in names)


def may_receive_mail(user: User, address: str) -> bool:
    """Whether mails other than the confirmation go there: it is verified, or was entered by an operator."""
    rows = EmailAddress.objects.filter(user=user, email__in=spellings(address))
    verified = rows.values_list("verified", flat=True)
    flags = list(verified)
    return any(flags) or not flags


def _with_parents(domain: str) -> Iterator[str]:
    """The domain and its parents without the top level: `a.b.example`, `b.example`.

    Nobody should refuse a whole top level by accident.
    """
    parts = _ascii(domain.strip().strip(".").lower()).split(".")
    for first in range(max(1, len(parts) - 1)):
        yield ".".join(parts[first:])


def _listed(domains: Iterable[str]) -> frozenset[str]:
    """Normalised domains of a setting, which may be written `Example.org`, `@example.org` or `.example.org`."""
    return frozenset(_ascii(domain.strip("@. ").lower()) for domain in domains)


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


@cache
def _disposable_domains() -> frozenset[str]:
    # Imported here: ten thousand names that most processes never need.
    import disposable_email_domains

    return frozenset(disposable_email_domains.blocklist)
