"""Scopes of API tokens. A session may do all that its user may; a token only what its scopes permit.

  read      read predictions, files, models, balance, ledger, items
  predict   make and cancel predictions, upload and delete files
  gallery   publish, share and delete items
  admin     tokens, webhooks (with their secret, which can forge them) and limits of the account
  account   export everything, end sessions, delete the account: never a default

No scope includes another: a token that makes predictions and polls them has two.
"""

from __future__ import annotations

from collections.abc import Mapping

from rest_framework.exceptions import PermissionDenied

from accounts.models import ApiToken

READ = ApiToken.Scope.READ.value
PREDICT = ApiToken.Scope.PREDICT.value
GALLERY = ApiToken.Scope.GALLERY.value
ADMIN = ApiToken.Scope.ADMIN.value
ACCOUNT = ApiToken.Scope.ACCOUNT.value

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
"""Safe HTTP methods."""

ScopesByMethod = Mapping[str, str]


class NotPermitted(PermissionDenied):
    """The token is valid, but not for this: 403 in every API dialect. `code` is for programs."""

    code = "not_permitted"


class MissingScope(NotPermitted):
    """The token lacks a scope, which the message names."""

    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This API token may not do this: it lacks the scope `{scope}`.")


class NotFromHere(NotPermitted):
    """The token may not be used from the caller's address, which the message names."""

    code = "address_not_permitted"

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"This API token may not be used from this address ({address}).")


def required_scope(
    method: str, *, looking: str = READ, changing: str, chosen: ScopesByMethod | None = None
) -> str:
    """The scope a method requires: `chosen` for it, else by whether the method is safe."""
    method = "GET" if method == "HEAD" else method
    if chosen and method in chosen:
        return chosen[method]
    return looking if method in SAFE_METHODS else changing


def require(token: ApiToken | None, scope: str) -> None:
    """Raise MissingScope where the token lacks the scope. None is a session, which needs none."""
    if token is not None and scope not in token.scopes:
        raise MissingScope(scope)
