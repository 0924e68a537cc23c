"""Storage used by an account and its quota, for pages and the API."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts.models import Account
from predictions.submit import quotas


@dataclass(frozen=True)
class StorageUsage:
    """Bytes of the account's files, trash and uploads included, and its quota; a quota of 0 means no limit."""

    bytes: int
    quota: int

    @property
    def percent(self) -> int:
        """Percentage of the quota used, 0 to 100; 0 without a quota."""
        return min(100, self.bytes * 100 // self.quota) if self.quota else 0

    @property
    def is_full(self) -> bool:
        """Whether nothing new may be made."""
        return bool(self.quota) and self.bytes >= self.quota

    @property
    def words(self) -> str:
        """`2.1 GB of 10 GB`, or `2.1 GB` without a quota."""
        used_text = filesizeformat(self.bytes)
        if not self.quota:
            return str(used_text)
        return _("%(used)s of %(quota)s") % {"used": used_text, "quota": filesizeformat(self.quota)}


def for_account(account: Account) -> StorageUsage:
    """The account's usage now."""
    quota = quotas.limits_of(account).storage
    return StorageUsage(quotas.used(account), 0 if quota == quotas.NO_LIMIT else quota)
