"""Who may say and show things to others: accounts that are open, and members whom nobody muted.

A muted member goes on making pictures in private, likes, follows and reports; they publish, share and comment nothing.
"""

from __future__ import annotations

from datetime import UTC

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import personal_accounts
from accounts.models import User
from accounts.staff import sanctions


class Suspended(Exception):
    """The account is closed to new things: its pictures stay as they are."""

    detail = "This account is closed to new things."
    """For programs."""

    @property
    def words(self) -> str:
        """The sentence for whoever it stops."""
        return _("This account is closed to new things. You can download your pictures.")


class Muted(Suspended):
    """A moderator muted who does it, until some time or until it is lifted."""

    def __init__(self, user: User) -> None:
        super().__init__(user.pk)
        self._words = sanctions.muted_words(user)
        with translation.override("en"), timezone.override(UTC):
            self.detail = sanctions.muted_words(user)

    @property
    def words(self) -> str:
        return self._words


def mute_message(user: User) -> str:
    """Why a muted member says nothing, by the row that came with the request; empty for all others, unasked."""
    if user.muted_until is None or user.muted_until <= timezone.now():
        return ""
    return sanctions.muted_words(user)


def check_may_post(user: User) -> None:
    """Raise Muted where a moderator muted them, and Suspended where their own account is closed, whoever they act for.

    By the database's word, not by the row that came with the request.
    """
    if sanctions.is_muted(user.pk):
        raise Muted(user)
    if personal_accounts.is_personal_account_closed(user):
        raise Suspended
