"""How much room an account's pictures take, and how much it has."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.models import Account
from gallery.models import Item
from predictions import room

FRESH_S = 60
"""Seconds for which a sum is worth something: what was made since does not count yet."""


@dataclass(frozen=True)
class Used:
    """Bytes that the account's items take, the trash included, and how many it may; 0 means as many as fit."""

    bytes: int
    quota: int

    @property
    def percent(self) -> int:
        """How much of the quota is used, 0 to 100; 0 without one."""
        return min(100, self.bytes * 100 // self.quota) if self.quota else 0

    @property
    def is_full(self) -> bool:
        """Whether nothing new may be made."""
        return bool(self.quota) and self.bytes >= self.quota

    @property
    def words(self) -> str:
        """`2.1 GB of 10 GB`, or `2.1 GB` where there is no limit."""
        used = filesizeformat(self.bytes)
        if not self.quota:
            return str(used)
        return _("%(used)s of %(quota)s") % {"used": used, "quota": filesizeformat(self.quota)}


def used(account: Account) -> Used:
    """What the account uses; up to a minute old."""
    known = cache.get(_key(account))
    if not isinstance(known, int):
        known = measure(account)
        cache.set(_key(account), known, FRESH_S)
    return Used(known, quota_of(account))


def quota_of(account: Account) -> int:
    """The bytes that its pictures may take: its plan's, else the server's; 0 for as many as fit."""
    plan = account.plan if account.plan_id is not None else None
    own = plan.storage_quota if plan is not None else None
    return settings.STORAGE_QUOTA if own is None else own


def measure(account: Account) -> int:
    """The bytes of all files of the account's items as they are now, in one query over its own items."""
    parts = ("output__file__size", "output__small__size", "output__medium__size", "rendition__size")
    sums = Item.objects.filter(account=account).aggregate(
        **{name.replace("__", "_"): Sum(Coalesce(F(name), 0)) for name in parts}
    )
    return sum(number or 0 for number in sums.values())


def forget(account: Account) -> None:
    """Measure anew when it is asked for next."""
    cache.delete(_key(account))


def objection(account: Account) -> str:
    """What a full account is told when it wants something new; empty while it has room, and where there is no quota."""
    if not quota_of(account):
        return ""
    now = used(account)
    if not now.is_full:
        return ""
    with override("en"):
        return (
            f"Your pictures take {now.words}. Delete some and empty the trash, then try again. Nothing was charged."
        ).replace("\xa0", " ")


def connect() -> None:
    """Have new work refused for accounts that are full; called once when the app is ready."""
    room.is_told_by(objection)


def _key(account: Account) -> str:
    return f"storage-{account.pk}"
