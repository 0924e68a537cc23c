"""Which e-mail addresses may sign up, and which are written to: none to be thrown away, none that nobody confirmed."""

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

_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(email: str) -> str:
    """An address in the one spelling that it has here: only letters of ASCII have two cases that are one mailbox."""
    return email.translate(_SMALL)


def spellings(email: str) -> set[str]:
    """How this very address may stand in a row.

    For comparing as they are: to leave capitals out of account, PostgreSQL makes one letter of `i` and `ı`, and
    Python of `k` and the sign for kelvin, so that somebody else's address would pass for this one.
    """
    return {email, folded(email)}


def refuse_disposable(email: str) -> None:
    """Raises ValidationError for an address that is made to be thrown away, where the house refuses those."""
    if is_refused(email):
        raise ValidationError(_("Addresses of this mail service are not taken here. Please give another."))


def is_refused(email: str) -> bool:
    """Whether an address of this domain, or of one above it, is refused. What the operator allows is allowed."""
    above = list(_above(email.rpartition("@")[2]))
    if not _listed(settings.EMAIL_DOMAINS_ALLOWED).isdisjoint(above):
        return False
    if not _listed(settings.EMAIL_DOMAINS_REFUSED).isdisjoint(above):
        return True
    return site_rules.current().refuse_disposable and any(name in _known() for name in above)


def may_be_written_to(user: User, address: str) -> bool:
    """Whether mails beside the one that confirms it go there: it was confirmed, or an operator entered it."""
    rows = EmailAddress.objects.filter(user=user, email__in=spellings(address))
    shown = rows.values_list("verified", flat=True)
    found = list(shown)
    return any(found) or not found


def _above(domain: str) -> Iterator[str]:
    """`a.b.example`, `b.example`, and no further: nobody refuses all of a top level by accident."""
    parts = _ascii(domain.strip().strip(".").lower()).split(".")
    for first in range(max(1, len(parts) - 1)):
        yield ".".join(parts[first:])


def _listed(domains: Iterable[str]) -> frozenset[str]:
    """As the operator may write them: `Example.org`, `@example.org`, `.example.org`."""
    return frozenset(_ascii(one.strip("@. ").lower()) for one in domains)


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


@cache
def _known() -> frozenset[str]:
    # Not at the top: ten thousand names that most processes never ask for.
    import disposable_email_domains

    return frozenset(disposable_email_domains.blocklist)
