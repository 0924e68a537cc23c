"""Models of the accounts app: users, accounts, plans, ledger, purchases, tokens, notices, site rules, audit log.

Amounts are integer micro-credits: 1 credit = 1,000,000. Balances are written by `accounts.credits` alone.
"""

from __future__ import annotations

from accounts.models.accounts import MICRO, Account, Membership, OrganizationInvitation, Plan
from accounts.models.codes import CodeBatch, Gift, RedeemCode, Redemption, new_reference
from accounts.models.ledger import (
    AccountSpending,
    AppendOnlyError,
    AuditMark,
    EndedAllowance,
    LedgerEntry,
    LedgerQuerySet,
)
from accounts.models.ledger_kinds import KINDS, LedgerKind
from accounts.models.notices import Notice, NoticeChoice
from accounts.models.payments import CreditPack, Dispute, PaymentEvent, Purchase
from accounts.models.people import Invitation, SignIn, User
from accounts.models.secrets import SecretFingerprint
from accounts.models.site import Announcement, Site
from accounts.models.staff import AuditEntry, Sanction
from accounts.models.throttle import Throttle
from accounts.models.tokens import ApiToken, ApiTokenQuerySet, TokenSpending, all_scopes

__all__ = [
    "KINDS",
    "MICRO",
    "Account",
    "AccountSpending",
    "Announcement",
    "ApiToken",
    "ApiTokenQuerySet",
    "AppendOnlyError",
    "AuditEntry",
    "AuditMark",
    "CodeBatch",
    "CreditPack",
    "Dispute",
    "EndedAllowance",
    "Gift",
    "Invitation",
    "LedgerEntry",
    "LedgerKind",
    "LedgerQuerySet",
    "Membership",
    "Notice",
    "NoticeChoice",
    "OrganizationInvitation",
    "PaymentEvent",
    "Plan",
    "Purchase",
    "RedeemCode",
    "Redemption",
    "Sanction",
    "SecretFingerprint",
    "SignIn",
    "Site",
    "Throttle",
    "TokenSpending",
    "User",
    "all_scopes",
    "new_reference",
]
