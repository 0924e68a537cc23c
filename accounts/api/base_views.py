"""Base views of `/api/`: token or session authentication, scopes by method, organisation roles, problem responses."""

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
from core.api.problems import Denied, JSONNegotiation, StrictJSONParser, handle_exception


class OwnApiView(APIView):
    """Base of every view under `/api/`: token or session, a signed-in user, errors as problem JSON."""

    parser_classes = (StrictJSONParser,)
    content_negotiation_class = JSONNegotiation
    scope: ClassVar[str] = ""
    """The scope a token needs for every method; by default `read` for safe methods and `admin` for others."""
    scopes: ClassVar[token_scopes.ScopesByMethod] = {}
    """Scopes of single methods, for example `{"POST": token_scopes.GALLERY}`; they override `scope`."""

    roles: ClassVar[frozenset[Membership.Role] | None] = None
    """Roles that may call, where the account is an organisation's; None: every role."""

    def get_exception_handler(self) -> Any:
        return handle_exception

    def check_permissions(self, request: Request) -> None:
        """Require a user, the token's scope for the method, and the role."""
        super().check_permissions(request)
        method = str(request.method)
        if self.token is not None and hasattr(self, method.lower()):
            read_scope, write_scope = self.scope or token_scopes.READ, self.scope or token_scopes.ADMIN
            token_scopes.require(
                self.token,
                token_scopes.required_scope(
                    method, looking=read_scope, changing=write_scope, chosen=self.scopes
                ),
            )
        if self.roles is not None:
            organization_roles.require(self.user, self.account, self.roles)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add rate-limit headers where the request was counted."""
        response = super().finalize_response(request, response, *args, **kwargs)
        limit_status = getattr(request, "rate_limit_status", None)
        if limit_status is not None:
            limit_status.set_headers(response)
        return response

    @property
    def user(self) -> User:
        """The signed-in user; the permission classes ensure one."""
        return cast(User, self.request.user)

    @property
    def token(self) -> ApiToken | None:
        """The API token of the request; None for a session."""
        return self.request.auth if isinstance(self.request.auth, ApiToken) else None

    @cached_property
    def account(self) -> Account:
        """The account the request acts for: the token's, else the signed-in user's current one."""
        return self.token.account if self.token is not None else ownership.own_account(self.user)


class PrivateView(OwnApiView):
    """Base of views on the member's own data: refuses tokens of an organisation, which others may hold."""

    def check_permissions(self, request: Request) -> None:
        """Require the scope, and a token of the member's personal account."""
        super().check_permissions(request)
        if self.token is not None and self.token.account.kind != Account.Kind.USER:
            raise Denied(403, "Forbidden", "An organisation's token opens nothing of a member's own account.")


class PersonalView(PrivateView):
    """Base of views that a token opens only with the scope `account` (export, deletion, sessions)."""

    scope = token_scopes.ACCOUNT
    fresh: ClassVar[frozenset[str]] = frozenset()
    """Methods for which a session must have authenticated within the last minutes."""

    def check_permissions(self, request: Request) -> None:
        """Require the scope, or for a session of `fresh` methods recent authentication."""
        super().check_permissions(request)
        if self.token is None and request.method in self.fresh:
            reauthentication.require_recent(request._request)


class OpenView(OwnApiView):
    """Base of public views: no authentication; requests are rate-limited by address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
