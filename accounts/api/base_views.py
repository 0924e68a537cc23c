"""What is a member's alone, by the API: everything along, the end of the account, sign-ins, the inbox."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, cast

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import ownership
from accounts.auth import reauthentication
from accounts.models import Account, ApiToken, Membership, User
from accounts.organizations import roles as organization_roles
from accounts.tokens import token_scopes
from core.api.problems import Denied, OnlyJSON, OwnJSONParser, as_problem


class OwnApiView(APIView):
    """Base of every view under `/api/`: token or session, a signed-in user, errors in our shape."""

    parser_classes = (OwnJSONParser,)
    content_negotiation_class = OnlyJSON
    scope: ClassVar[str] = ""
    """The scope that a token needs for every method; unless told, `read` to look and `admin` to change."""
    scopes: ClassVar[token_scopes.ScopesByMethod] = {}
    """The same for single methods, for example `{"POST": permits.GALLERY}`; goes before `scope`."""

    roles: ClassVar[frozenset[Membership.Role] | None] = None
    """Which roles may ask, where the account is an organisation's; None: every one."""

    def get_exception_handler(self) -> Any:
        return as_problem

    def check_permissions(self, request: Request) -> None:
        """A user, and a token's scope for what it is about to do."""
        super().check_permissions(request)
        method = str(request.method)
        if self.token is not None and hasattr(self, method.lower()):
            looking, changing = self.scope or token_scopes.READ, self.scope or token_scopes.ADMIN
            token_scopes.require(
                self.token,
                token_scopes.needed(method, looking=looking, changing=changing, chosen=self.scopes),
            )
        if self.roles is not None:
            organization_roles.require(self.user, self.account, self.roles)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer, with the standing in the rate limits where one was counted."""
        response = super().finalize_response(request, response, *args, **kwargs)
        standing = getattr(request, "rate_standing", None)
        if standing is not None:
            standing.tell(response)
        return response

    @property
    def user(self) -> User:
        """The signed-in user; the permission classes have made sure of one."""
        return cast(User, self.request.user)

    @property
    def token(self) -> ApiToken | None:
        """The API token that asks; None for a session."""
        return self.request.auth if isinstance(self.request.auth, ApiToken) else None

    @cached_property
    def account(self) -> Account:
        """The account that the request acts for: the token's own, else the signed-in user's."""
        return self.token.account if self.token is not None else ownership.own_account(self.user)


class PrivateView(OwnApiView):
    """A token of an organisation, which others may hold, opens none of it."""

    def check_permissions(self, request: Request) -> None:
        """The scope, and a token of the member's own account."""
        super().check_permissions(request)
        if self.token is not None and self.token.account.kind != Account.Kind.USER:
            raise Denied(403, "Forbidden", "An organisation's token opens nothing of a member's own account.")


class PersonalView(PrivateView):
    """Nor does a token without the scope `account`."""

    scope = token_scopes.ACCOUNT
    fresh: ClassVar[frozenset[str]] = frozenset()
    """Methods for which a session is asked to have shown a short while ago who it is."""

    def check_permissions(self, request: Request) -> None:
        """As above; or a session that is not left open somewhere."""
        super().check_permissions(request)
        if self.token is None and request.method in self.fresh:
            reauthentication.require_recent(request._request)


class OpenView(OwnApiView):
    """Nobody is asked for a token; requests are counted by address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
