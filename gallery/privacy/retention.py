"""What is retained after an account is erased: the one table, with reasons and terms.

The receipt shows it, `docs/operating.md` repeats it, and a test checks every text column there is: it fails
where one that holds text of an erased member is not listed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.site import site_rules


@dataclass(frozen=True)
class RetainedData:
    """A retained kind of data: what, why, how long, and the text columns that hold it."""

    name: str
    what: Promise
    why: Promise
    term: Promise
    columns: tuple[str, ...] = ()

    @property
    def how_long(self) -> str:
        """The term, with the number of days from the site settings."""
        return str(self.term) % {"days": site_rules.current().evidence_days}


def _of(model: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{model}.{name}" for name in names)


_FOR_EVER = _("as long as this Darkroom is kept")
TABLE: tuple[RetainedData, ...] = (
    RetainedData(
        "ledger",
        _("the ledger: amounts, times, and the reasons that staff gave"),
        _("books that have to add up"),
        _FOR_EVER,
        _of("accounts.LedgerEntry", "reference", "reason"),
    ),
    RetainedData(
        "payments",
        _("payments: amounts, times, and the payment provider's own numbers"),
        _("books, returns and disputes"),
        _FOR_EVER,
        (
            *_of(
                "accounts.Purchase",
                "reference",
                "currency",
                "provider",
                "session",
                "payment",
                "page",
                "language",
            ),
            *_of("accounts.Dispute", "number"),
            *_of("accounts.PaymentEvent", "provider", "event_id", "kind", "outcome"),
        ),
    ),
    RetainedData(
        "record",
        _("the record of what staff did, with the name of whom it was done to"),
        _("nobody can change it, which is its worth"),
        _FOR_EVER,
        _of(
            "accounts.AuditEntry",
            "actor_name",
            "action",
            "subject_kind",
            "subject_id",
            "subject_name",
            "reason",
            "detail",
            "previous",
            "digest",
        ),
    ),
    RetainedData(
        "evidence",
        _("pictures that a moderator removed, with their words, encrypted"),
        _("appeals and the law; each look at it is on record"),
        _("%(days)d days from the removal"),
        _of("gallery.Evidence", "item_id_then", "content_type", "words", "phash"),
    ),
    RetainedData(
        "hashes",
        _("fingerprints of removed pictures, which show nothing"),
        _("so that the same picture is refused"),
        _("until a moderator takes them back"),
        _of("predictions.BlockedPicture", "phash", "reason"),
    ),
    RetainedData(
        "bare",
        _("bare rows: which model ran when at what price; which decision was made when"),
        _("the ledger and the record name them"),
        _FOR_EVER,
    ),
    RetainedData(
        "organizations",
        _("what was made for an organisation that goes on"),
        _("it is the organisation's; no name stands there any more"),
        _("until the organisation deletes it"),
    ),
    RetainedData(
        "receipt",
        _("this receipt"),
        _("proof of what was removed; it names nobody"),
        _FOR_EVER,
        _of("gallery.Closure", "reference", "receipt", "language"),
    ),
    RetainedData(
        "backups",
        _("copies in the operator's backups"),
        _("backups are whole, and nothing is taken out of them"),
        _("until the operator's backups are replaced"),
    ),
)
"""The whole table, in the order shown."""


def columns() -> frozenset[str]:
    """The text columns in the table."""
    return frozenset(name for row in TABLE for name in row.columns)


def display_rows() -> list[dict[str, str]]:
    """The table in the active language."""
    return [{"what": str(row.what), "why": str(row.why), "term": row.how_long} for row in TABLE]
