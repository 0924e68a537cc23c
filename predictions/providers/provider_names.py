"""Provider names as stored with predictions: `upstream-12` for an upstream's key, any other for an engine.

For queries, and for code that has only a name; with a provider at hand, use its attributes.
"""

from __future__ import annotations

PREFIX = "upstream-"
"""Prefix of upstream names, for queries: `provider__startswith=PREFIX`."""


def provider_name(key_pk: int) -> str:
    """The provider's name of that key."""
    return f"{PREFIX}{key_pk}"


def key_pk(provider_name: str) -> int | None:
    """The key's primary key of `upstream-12`; None for any other provider's name."""
    number = provider_name.removeprefix(PREFIX)
    if number == provider_name or not (number.isascii() and number.isdigit()):
        return None
    return int(number)


def is_upstream(provider_name: str) -> bool:
    """Whether a provider of this name is an upstream's key: `Provider.is_remote` where only the name is at hand."""
    return key_pk(provider_name) is not None
