"""Encryption of secrets at rest: written with the newest key of DARKROOM_KEYS, readable with any of them.

Whatever is encrypted or read here is redacted from this process's logs from then on. Also the secret keys that
signatures of this process may have been made with.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Model

from core import redaction

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


_columns: list[tuple[type[Model], str]] = []


def register_column(model: type[Model], column: str) -> None:
    """Include this column when the keys are rotated; an empty value holds no secret."""
    if (model, column) not in _columns:
        _columns.append((model, column))


def registered_columns() -> list[tuple[type[Model], str]]:
    """All encrypted columns."""
    return list(_columns)


class NoMatchingKey(Exception):
    """What is stored was encrypted with none of the keys that this process has. The text holds no secret."""


def encrypt(secret: str) -> str:
    """The secret as it is stored: text in ASCII, different each time."""
    redaction.remember(secret)
    return fernet_for(keys()).encrypt(secret.encode()).decode("ascii")


def decrypt(stored: str) -> str:
    """The secret of what `encrypt` gave. Raises NoMatchingKey."""
    from cryptography.fernet import InvalidToken

    try:
        secret = fernet_for(keys()).decrypt(stored.encode()).decode()
    except (InvalidToken, UnicodeError):
        raise NoMatchingKey(
            "A stored secret fits none of the keys in DARKROOM_KEYS. Put back the key that it was encrypted with, "
            "or enter the secret again."
        ) from None
    redaction.remember(secret)
    return secret


def can_decrypt(stored: str, keys: tuple[str, ...]) -> bool:
    """Whether one of these keys fits. The secret is discarded at once, and not remembered for redaction."""
    from cryptography.fernet import InvalidToken

    try:
        fernet_for(keys).decrypt(stored.encode())
    except InvalidToken:
        return False
    return True


def keys() -> tuple[str, ...]:
    """The keys, newest first; those of a file as it is now."""
    path: Path | None = settings.VAULT_KEYS_FILE
    if path is None:
        return tuple(settings.VAULT_KEYS)
    try:
        stat = path.stat()
    except OSError:
        return tuple(settings.VAULT_KEYS)
    return _read(path, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int, _inode: int) -> tuple[str, ...]:
    return tuple(
        f"{part.rstrip('=')}=" for part in path.read_text(encoding="utf-8").replace(",", " ").split()
    )


@lru_cache(maxsize=4)
def fernet_for(keys: tuple[str, ...]) -> MultiFernet:
    # Not at the top: most processes of a server without upstreams never need it.
    from cryptography.fernet import Fernet, MultiFernet

    for key in keys:
        redaction.remember(key)
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise NoMatchingKey(
            "DARKROOM_KEYS holds something that is no key; `manage.py keys new` prints one."
        ) from None


def signing_keys() -> list[str]:
    """The key that signs now, then the fallbacks that are only verified against."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
