"""What an API token may do: scopes. Sessions may do all that their user may, a token what its owner gave it.

    read      look at things: predictions, files, models, balance, ledger, items
    predict   make and cancel predictions, send and delete files
    gallery   publish, share and delete items
    admin     tokens, webhooks (their secret too, which forges) and limits of the account
    account   take everything along, end sessions, delete the account: no token has it unless its owner says so

None of them contains another: a token that makes predictions and polls them has two.
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

LOOKING = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
"""Methods that change nothing."""

ScopesByMethod = Mapping[str, str]


class NotPermitted(PermissionDenied):
    """The token is good, but not for this: 403 in every dialect. `code` is for programs."""

    code = "not_permitted"


class MissingScope(NotPermitted):
    """The token lacks a scope; the words name it."""

    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This API token may not do this: it lacks the scope `{scope}`.")


class NotFromHere(NotPermitted):
    """The token may not be used from the caller's address; the words name the address."""

    code = "address_not_permitted"

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(f"This API token may not be used from this address ({address}).")


def needed(method: str, *, looking: str = READ, changing: str, chosen: ScopesByMethod | None = None) -> str:
    """The scope that a method needs: `chosen` where it says so, else by whether the method changes anything."""
    method = "GET" if method == "HEAD" else method
    if chosen and method in chosen:
        return chosen[method]
    return looking if method in LOOKING else changing


def require(token: ApiToken | None, scope: str) -> None:
    """Raises MissingScope. None stands for a session, which needs no scope."""
    if token is not None and scope not in token.scopes:
        raise MissingScope(scope)
