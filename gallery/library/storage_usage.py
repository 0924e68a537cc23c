"""How much room an account's files take, and how much it has, as its pages and the API show it."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts.models import Account
from predictions.submit import quotas


@dataclass(frozen=True)
class Used:
    """Bytes that the account's files take, trash and uploads included, and how many it may; 0 means as many as fit."""

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
    """What the account uses now."""
    quota = quotas.limits_of(account).storage
    return Used(quotas.used(account), 0 if quota == quotas.NO_LIMIT else quota)
