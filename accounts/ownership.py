"""Access to accounts and tokens by their owner; strangers get 404, as if nothing were there."""

from __future__ import annotations

from django.http import Http404

from accounts.models import Account, ApiToken, User
from accounts.organizations import roles
from accounts.personal_accounts import ensure_account


def own_account(user: User) -> Account:
    """The account the user acts for, read from the database."""
    return Account.objects.get(pk=ensure_account(user).pk)


def money_account(user: User) -> Account:
    """The same for pages about money. Raises NotYourRole for plain members of an organisation."""
    account = own_account(user)
    roles.require(user, account, roles.MONEY)
    return account


def own_token(user: User, token_id: int) -> ApiToken:
    """One of the user's own tokens; Http404 for any other."""
    token = ApiToken.objects.filter(user=user, pk=token_id).first()
    if token is None:
        raise Http404
    return token
