"""Write notices: the only writer of `Notice`. An e-mail is owed in the transaction of the event."""

from __future__ import annotations

from typing import Any

from accounts.models import Notice, User


def notify(user: User, kind: str, *, link: str = "", mail: bool = True, **params: Any) -> Notice:
    """Add a notice to a user's inbox, and owe the e-mail; preferences are checked on sending.

    `kind` is a name in `accounts.notifications.notice_kinds`; `params` the JSON values of its texts; `link` a path of
    this server. Call it inside the transaction of the event.
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
    """Owe an e-mail to somebody who has no account, or no longer has one."""
    return Notice.objects.create(
        user=None, address=address, kind=kind, params=params, link=link, language=language, mail_owed=True
    )
