"""Who may publish, share and comment: members of active accounts who are not muted.

A muted member can still generate in private, like, follow and report.
"""

from __future__ import annotations

from datetime import UTC

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import personal_accounts
from accounts.models import User
from accounts.staff import sanctions


class Suspended(Exception):
    """The account is not active: it can't publish; its items stay as they are."""

    detail = "This account is closed to new things."
    """English, for API responses."""

    @property
    def message(self) -> str:
        """The message for the user."""
        return _("This account is closed to new things. You can download your pictures.")


class Muted(Suspended):
    """A moderator muted the user, until some time or until it is lifted."""

    def __init__(self, user: User) -> None:
        super().__init__(user.pk)
        self._message = sanctions.mute_message(user)
        with translation.override("en"), timezone.override(UTC):
            self.detail = sanctions.mute_message(user)

    @property
    def message(self) -> str:
        return self._message


def mute_message(user: User) -> str:
    """Why a muted member can't post, judged by the user row of the request without a query; "" for everybody
    else."""
    if user.muted_until is None or user.muted_until <= timezone.now():
        return ""
    return sanctions.mute_message(user)


def check_may_post(user: User) -> None:
    """Raise Muted where a moderator muted the user, Suspended where their personal account is not active,
    whoever they act for. Reads the database, not the user row of the request."""
    if sanctions.is_muted(user.pk):
        raise Muted(user)
    if personal_accounts.is_personal_account_closed(user):
        raise Suspended
