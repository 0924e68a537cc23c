"""From the name under which a prediction remembers its provider to the row of the key, and back."""

from __future__ import annotations

PREFIX = "upstream-"


def key_pk(provider_name: str) -> int | None:
    """The key's primary key of `upstream-12`; None for any other provider's name."""
    number = provider_name.removeprefix(PREFIX)
    if number == provider_name or not (number.isascii() and number.isdigit()):
        return None
    return int(number)


def provider_name(pk: int) -> str:
    """The provider's name of that key."""
    return f"{PREFIX}{pk}"
