"""The first administrator of a fresh installation."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import credits
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
from accounts.tokens import api_tokens

FUNDS = 10_000 * MICRO
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class FirstAdmin:
    """Name, password and API token, known only now: the database stores hashes."""

    username: str
    password: str
    token: str


@transaction.atomic
def create() -> FirstAdmin | None:
    """Create a funded superuser with a verified address; None, and nothing done, where one exists."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    username = _free_name()
    password = "".join(secrets.choice(_LETTERS) for _ in range(20))
    email = f"{username}@localhost.localdomain"
    user = User.objects.create_superuser(username=username, email=email, password=password)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    account = ensure_account(user)
    credits.grant(account, FUNDS, reason="First administrator", reference=f"first-admin-{user.pk}")
    return FirstAdmin(username, password, api_tokens.issue(user, "first token")[1])


def _free_name() -> str:
    name, number = "admin", 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"admin{number}"
    return name
