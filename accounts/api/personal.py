"""What is a member's alone, by the API: everything along, the end of the account, sign-ins, the inbox."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request

from accounts import permits
from accounts.entrance import recent
from accounts.models import Account
from accounts.problems import Denied, OwnApiView


class PrivateView(OwnApiView):
    """A token of an organisation, which others may hold, opens none of it."""

    def check_permissions(self, request: Request) -> None:
        """The scope, and a token of the member's own account."""
        super().check_permissions(request)
        if self.token is not None and self.token.account.kind != Account.Kind.USER:
            raise Denied(403, "Forbidden", "An organisation's token opens nothing of a member's own account.")


class PersonalView(PrivateView):
    """Nor does a token without the scope `account`."""

    scope = permits.ACCOUNT
    fresh: ClassVar[frozenset[str]] = frozenset()
    """Methods for which a session is asked to have shown a short while ago who it is."""

    def check_permissions(self, request: Request) -> None:
        """As above; or a session that is not left open somewhere."""
        super().check_permissions(request)
        if self.token is None and request.method in self.fresh:
            recent.need(request._request)
