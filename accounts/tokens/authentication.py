"""API token authentication by the `Authorization` header."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.models import Account, ApiToken, User
from accounts.site import feature_flags
from accounts.tokens import api_tokens, network_access

UNAUTHENTICATED = "You did not pass a valid authentication token"
"""One message for a missing, malformed, unknown, expired or revoked token, so that they cannot be told apart."""

_SCHEMES = {"bearer", "token"}


class AccountBlocked(PermissionDenied):
    """The token is valid, but its user is banned or its account suspended: 403."""

    default_detail = _("This account is suspended.")


def authenticate_header_value(header: str) -> ApiToken | None:
    """The usable token of an `Authorization` header with its user and account; None without one.

    `Bearer TOKEN` and `Token TOKEN` in any case, surrounding blanks ignored. Raises AccountBlocked for a banned user or
    a suspended account.
    """
    parts = header.split()
    if len(parts) != 2 or parts[0].lower() not in _SCHEMES:
        return None
    token = api_tokens.look_up(parts[1])
    if token is not None and is_blocked(token.user, token.account):
        raise AccountBlocked
    return token


def authenticate(request: HttpRequest) -> ApiToken | None:
    """The usable token of a request, allowed from its address; None without one.

    Raises AccountBlocked, token_scopes.NotFromHere for an address outside the token's networks, and
    feature_flags.FeatureOff while the API is switched off.
    """
    token = authenticate_header_value(request.headers.get("Authorization", ""))
    if token is not None:
        # For the access log.
        request.api_token = token  # type: ignore[attr-defined]
        network_access.check(token, request)
        feature_flags.require("api")
    return token


def is_blocked(user: User, account: Account | None) -> bool:
    """Whether the user is banned or the account suspended."""
    return not user.is_active or (account is not None and account.status == Account.Status.SUSPENDED)


def reachable_by_url(prefix: str = "") -> Q:
    """Condition on rows with `user` and `account`: whether their URL still works for anybody who has it.

    Nothing of a banned user's does. What a deleted user left to an organisation is the organisation's. `prefix` is the
    lookup path from the rows to `user` and `account`.
    """
    barred = Q(**{f"{prefix}account__status": Account.Status.SUSPENDED})
    return (
        Q(**{f"{prefix}user__is_active": True}) | Q(**{f"{prefix}user__erased_at__isnull": False})
    ) & ~barred


def usable_ids(tokens: Iterable[int]) -> set[int]:
    """Those of these tokens, by primary key, that are still usable: for requests that are held for a while."""
    rows = ApiToken.objects.usable().filter(pk__in=tokens, user__is_active=True)
    return set(rows.exclude(account__status=Account.Status.SUSPENDED).values_list("pk", flat=True))


class TokenAuthentication(BaseAuthentication):
    """`request.user` is the token's user and `request.auth` the ApiToken, whose account pays."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token of the header; None without one, so that session authentication follows.

        AuthenticationFailed (401) for an invalid one.
        """
        header = request.headers.get("Authorization", "")
        scheme = header.split(maxsplit=1)[0].lower() if header.strip() else ""
        if scheme not in _SCHEMES:
            return None
        token = authenticate(request._request)
        if token is None:
            raise AuthenticationFailed(UNAUTHENTICATED)
        # A token acts for its own account, whichever its user acts for on the pages. Not saved.
        token.user.account = token.account
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 instead of 403, and names the scheme."""
        return "Bearer"
