"""Tell somebody something: the only writer of `Notice`. A mail is owed in the transaction of what it tells of."""

from __future__ import annotations

from typing import Any

from accounts.models import Notice, User


def notify(user: User, kind: str, *, link: str = "", mail: bool = True, **params: Any) -> Notice:
    """Put a notice into a member's inbox, and owe them the mail unless they want none of this kind.

    `kind` is one of `accounts.notifications.notice_kinds`; `params` are JSON that its words name; `link` a path of
    ours. Call it
    inside the transaction of what it tells of.
    """
    return Notice.objects.create(
        user=user,
        kind=kind,
        params=params,
        link=link,
        language=user.language,
        mail_owed=mail and bool(user.email),
    )


def notify_address(address: str, kind: str, *, language: str = "", link: str = "", **params: Any) -> Notice:
    """Owe a mail to somebody who has no account yet, or none any more."""
    return Notice.objects.create(
        user=None, address=address, kind=kind, params=params, link=link, language=language, mail_owed=True
    )
