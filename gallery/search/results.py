"""Pages of search results, newest first. What a page shows is always read from the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import Account
from core import pagination
from gallery.models import Item, ItemQuerySet
from gallery.search import lexemes, vocabulary
from gallery.search.backend import Hit, Index
from gallery.search.backend_registry import get_backend

MAX_CHECKED = 4_000
"""Hits checked against the filters for one page: a page may be short and still have a next one."""
_LARGEST = 2**63 - 1


def public_page(text: str, size: int, after: str, *, within: ItemQuerySet) -> pagination.Page[Item]:
    """The `size` published items of `within` after a cursor that match all words of the text, by time of
    publication.

    A text without words finds nothing; an invalid cursor starts at the beginning. Items marked for indexing are
    left out: their old words may be of a prompt that is no longer shown.
    """
    terms = lexemes.query_terms(text)
    return _page("public", terms, size, after, within.public().filter(search_owed=False))


def own_page(
    account: Account, text: str, size: int, after: str, *, within: ItemQuerySet
) -> pagination.Page[Item]:
    """The same for an account's own items, by time of creation; also matches model names and hidden prompts."""
    terms = lexemes.query_terms(text)
    if terms:
        terms = [lexemes.account_term(account.pk), *terms]
    return _page("own", terms, size, after, within.filter(account=account))


def _page(
    index: Index, terms: list[lexemes.Term], size: int, after: str, within: ItemQuerySet
) -> pagination.Page[Item]:
    if not terms:
        return pagination.Page([])
    # The hits are ordered already; drop the queryset's own sorting.
    hits = get_backend().hits(index, vocabulary.expand(terms), _place(after))
    return _filled(hits, size, within.order_by())


def _filled(parts: Iterable[list[Hit]], size: int, within: ItemQuerySet) -> pagination.Page[Item]:
    """A page of those hits that pass the filters."""
    rows: list[Item] = []
    last, looked_at = 0, 0
    for hits in parts:
        items = {item.pk: item for item in within.filter(pk__in=[hit.item for hit in hits])}
        for hit in hits:
            if hit.item not in items:
                continue
            if len(rows) == size:
                return pagination.Page(rows, str(last))
            rows.append(items[hit.item])
            last = hit.place
        looked_at += len(hits)
        if looked_at >= MAX_CHECKED:
            return pagination.Page(rows, str(hits[-1].place))
    return pagination.Page(rows)


def _place(cursor: str) -> int | None:
    """The place in a cursor; None (the start) where it is invalid."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19):
        return None
    return min(int(cursor), _LARGEST)
