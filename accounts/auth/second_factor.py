"""Second factors (TOTP, passkeys, recovery codes): allauth stores them; their secrets are encrypted here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.personal_accounts import personal_account
from accounts.staff import audit_log
from core import crypto

_ENCRYPTED_FIELDS = ("secret", "seed")


class MfaAdapter(DefaultMFAAdapter):
    """Encrypts secrets with the installation's keys, so that a copy of the database opens no account."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        # An unverified address behind a second factor could not be recovered by its real owner.
        "add_email_blocked": gettext_lazy(
            "With a second factor the address stays. Take the second factor away, confirm the new address, then set it "
            "up again."
        ),
    }

    def encrypt(self, text: str) -> str:
        return crypto.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(encrypted_text)

    def get_totp_issuer(self) -> str:
        return "Darkroom"

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def _get_site_name(self) -> str:
        return "Darkroom"

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return _("Passkey") if number == 1 else _("Passkey %(number)d") % {"number": number}


def authenticators_of(user: User) -> QuerySet[Authenticator]:
    """A user's second factors; recovery codes alone are none."""
    return Authenticator.objects.filter(user_id=user.pk).exclude(type=Authenticator.Type.RECOVERY_CODES)


def has_second_factor(user: User) -> bool:
    """Whether the user has a second factor."""
    return authenticators_of(user).exists()


def remove_all(user: User, by: User, reason: str) -> int:
    """Remove a user's second factors on behalf of staff, with an audit entry; returns how many there were."""
    with transaction.atomic():
        removed, _each = Authenticator.objects.filter(user_id=user.pk).delete()
        if removed:
            audit_log.write(
                by, "user.remove_second_factor", user, reason=reason, account=personal_account(user)
            )
    return removed


def reencrypt() -> int:
    """Re-encrypt every stored secret with the newest key; returns how many changed. Raises crypto.NoMatchingKey."""
    changed = 0
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            encrypted: dict[str, Any] = (
                {name: row.data[name] for name in _ENCRYPTED_FIELDS if name in row.data} if row else {}
            )
            if row is None or not encrypted:
                continue
            row.data |= {name: crypto.encrypt(crypto.decrypt(stored)) for name, stored in encrypted.items()}
            row.save(update_fields=["data"])
            changed += 1
    return changed


def encrypted_values() -> Iterator[str]:
    """The encrypted secrets as stored, newest first."""
    for data in Authenticator.objects.order_by("-pk").values_list("data", flat=True):
        yield from (data[name] for name in _ENCRYPTED_FIELDS if name in data)


def unreadable() -> list[str]:
    """Stored secrets that no key decrypts, described without any secret."""
    found = []
    for row in Authenticator.objects.select_related("user").order_by("pk"):
        try:
            for name in _ENCRYPTED_FIELDS:
                if name in row.data:
                    crypto.decrypt(row.data[name])
        except crypto.NoMatchingKey:
            found.append(f"a second factor of {row.user.get_username()}")
    return found
