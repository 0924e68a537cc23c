"""E-mail preferences by notice kind, and signed unsubscribe links. The inbox gets everything; necessary mails stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.core import signing
from django.db import transaction

from accounts.models import NoticeChoice, User
from accounts.notifications import notice_kinds

_SALT = "notices.stop"


@dataclass(frozen=True)
class Preference:
    """A kind with e-mails, and whether the user wants them."""

    kind: notice_kinds.Kind
    wanted: bool


def preferences_of(user: User) -> list[Preference]:
    """The kinds that send e-mails, in the order of the list."""
    declined = set(NoticeChoice.objects.filter(user=user, mail=False).values_list("kind", flat=True))
    found: dict[str, Preference] = {}
    for kind in notice_kinds.ALL:
        if kind.mail:
            # Necessary kinds with the same title are listed once.
            key = f"necessary: {kind.title}" if kind.necessary else kind.name
            found.setdefault(key, Preference(kind, kind.necessary or kind.name not in declined))
    return list(found.values())


def wants_mail(user_id: int, name: str) -> bool:
    """Whether an e-mail of this kind is to be sent to the user."""
    kind = notice_kinds.BY_NAME.get(name)
    if kind is None or not kind.mail:
        return False
    return kind.necessary or not NoticeChoice.objects.filter(user_id=user_id, kind=name, mail=False).exists()


def set_preferences(user: User, wanted: Iterable[str]) -> None:
    """Store the kinds a user wants e-mails of; others are declined, except necessary ones."""
    names = set(wanted)
    with transaction.atomic():
        for kind in notice_kinds.ALL:
            if kind.mail and not kind.necessary:
                _set(user.pk, kind.name, kind.name in names)


def unsubscribe(user_id: int, name: str) -> bool:
    """Unsubscribe from a kind; False where it is necessary, or the kind or user does not exist."""
    kind = notice_kinds.BY_NAME.get(name)
    if kind is None or kind.necessary or not User.objects.filter(pk=user_id, erased_at__isnull=True).exists():
        return False
    _set(user_id, name, wanted=False)
    return True


def _set(user_id: int, name: str, wanted: bool) -> None:
    NoticeChoice.objects.update_or_create(user_id=user_id, kind=name, defaults={"mail": wanted})


def title(name: str) -> str:
    """Short title of a kind; empty for one that no longer exists."""
    kind = notice_kinds.BY_NAME.get(name)
    return str(kind.title or "") if kind is not None else ""


def unsubscribe_token(user_id: int, name: str) -> str:
    """Token of an unsubscribe link: for one kind and one user, good for nothing else."""
    return signing.dumps([user_id, name], salt=_SALT)


def read_unsubscribe_token(token: str) -> tuple[int, str] | None:
    """User id and kind of an unsubscribe token; None for an invalid one."""
    try:
        user_id, name = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return (user_id, name) if isinstance(user_id, int) and isinstance(name, str) else None
