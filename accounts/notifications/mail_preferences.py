"""What somebody wants to be told by mail. The inbox has everything; a mail that is necessary cannot be declined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.core import signing
from django.db import transaction

from accounts.models import NoticeChoice, User
from accounts.notifications import notice_kinds

_SALT = "notices.stop"


@dataclass(frozen=True)
class Choice:
    """A kind that mails are sent of, and whether this member wants them."""

    kind: notice_kinds.Kind
    wanted: bool


def mails_wanted(user: User) -> list[Choice]:
    """What there are mails of, in the order of the list."""
    declined = set(NoticeChoice.objects.filter(user=user, mail=False).values_list("kind", flat=True))
    found: dict[str, Choice] = {}
    for kind in notice_kinds.ALL:
        if kind.mail:
            # Of what cannot be declined a list names each matter once, however many kinds tell of it.
            key = f"necessary: {kind.title}" if kind.necessary else kind.name
            found.setdefault(key, Choice(kind, kind.necessary or kind.name not in declined))
    return list(found.values())


def wants_mail(user_id: int, name: str) -> bool:
    """Whether a mail of this kind is to be sent."""
    kind = notice_kinds.BY_NAME.get(name)
    if kind is None or not kind.mail:
        return False
    return kind.necessary or not NoticeChoice.objects.filter(user_id=user_id, kind=name, mail=False).exists()


def choose(user: User, wanted: Iterable[str]) -> None:
    """Keep which kinds of mails somebody wants; those that are not named are declined, but for the necessary ones."""
    names = set(wanted)
    with transaction.atomic():
        for kind in notice_kinds.ALL:
            if kind.mail and not kind.necessary:
                _set(user.pk, kind.name, kind.name in names)


def stop(user_id: int, name: str) -> bool:
    """No more mails of this kind; False where they are necessary, or there is no such kind."""
    kind = notice_kinds.BY_NAME.get(name)
    if kind is None or kind.necessary or not User.objects.filter(pk=user_id, erased_at__isnull=True).exists():
        return False
    _set(user_id, name, wanted=False)
    return True


def _set(user_id: int, name: str, wanted: bool) -> None:
    NoticeChoice.objects.update_or_create(user_id=user_id, kind=name, defaults={"mail": wanted})


def title(name: str) -> str:
    """What a kind is about, in a few words; empty for one that there is no more."""
    kind = notice_kinds.BY_NAME.get(name)
    return str(kind.title or "") if kind is not None else ""


def stop_token(user_id: int, name: str) -> str:
    """What the link in a mail carries: it ends mails of one kind, for one member, and does nothing else."""
    return signing.dumps([user_id, name], salt=_SALT)


def read_stop_token(token: str) -> tuple[int, str] | None:
    """Whose mails of which kind a link ends; None for one that is not ours."""
    try:
        user_id, name = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return (user_id, name) if isinstance(user_id, int) and isinstance(name, str) else None
