"""`account.json` of a data export: names, addresses, sign-in methods, preferences; nothing that grants access."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession

from accounts.models import Account, Membership, NoticeChoice, User
from gallery.models import ReaderChoice
from gallery.privacy import export_contents


def profile_row(user: User, account: Account) -> export_contents.Row:
    """The member and the account."""
    memberships = Membership.objects.filter(user=user).select_related("account")
    return {
        "username": user.username,
        "display_name": user.display_name,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "joined_at": export_contents.stamp(user.date_joined),
        "last_login_at": export_contents.stamp(user.last_login),
        "language": user.language,
        "account": {
            "name": account.name,
            "kind": account.kind,
            "status": account.status,
            "plan": account.plan.name if account.plan is not None else None,
            "balance_micro": account.balance,
            "held_micro": account.held,
            "owed_micro": account.owed,
            "created_at": export_contents.stamp(account.created_at),
            "in_flight_limit": account.in_flight_limit,
            "day_limit_micro": account.day_limit,
            "month_limit_micro": account.month_limit,
            "low_at_micro": account.low_at,
        },
        "acts_for": [
            {
                "account": session_.account.name,
                "role": session_.role,
                "month_limit_micro": session_.month_limit,
                "since": export_contents.stamp(session_.created_at),
            }
            for session_ in memberships
        ],
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "services": [
            {
                "service": session_.provider,
                "called_there": session_.uid,
                "told": session_.extra_data,
                "since": export_contents.stamp(session_.date_joined),
                "last_used_at": export_contents.stamp(session_.last_login),
            }
            for session_ in SocialAccount.objects.filter(user=user)
        ],
        "second_factors": [
            _second_factor(session_) for session_ in Authenticator.objects.filter(user_id=user.pk)
        ],
        "sessions": [
            {
                **export_contents.fields(session_, "ip", "user_agent"),
                "since": export_contents.stamp(session_.created_at),
                "last_used_at": export_contents.stamp(session_.last_seen_at),
            }
            for session_ in UserSession.objects.filter(user=user)
        ],
        "choices": _choices(user),
    }


def _second_factor(authenticator: Authenticator) -> export_contents.Row:
    return {
        "kind": authenticator.type,
        # Only passkeys have a name; everything else in `data` grants access.
        "name": str(authenticator.data.get("name", "")),
        "since": export_contents.stamp(authenticator.created_at),
        "last_used_at": export_contents.stamp(authenticator.last_used_at),
    }


def _choices(user: User) -> export_contents.Row:
    reading = ReaderChoice.objects.filter(user=user).first() or ReaderChoice()
    return {
        "sensitive_pictures": reading.sensitive,
        "private_pictures_kept_days": reading.keep_days,
        "mails": dict(NoticeChoice.objects.filter(user=user).values_list("kind", "mail")),
    }
