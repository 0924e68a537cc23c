"""Who the token speaks for."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.models import Account
from accounts.organizations import roles
from accounts.permits import NotPermitted
from predictions.delivery import keys
from predictions.dialects.replicate.addresses import addresses_of
from predictions.dialects.replicate.endpoint import TokenRequest
from predictions.dialects.replicate.views import answer


def get_webhook_secret(request: TokenRequest) -> HttpResponse:
    """GET /webhooks/default/secret: one for each account, stable. Of an organisation's, for its owners."""
    token = request.api_token
    try:
        roles.need(token.user, token.account, roles.MANAGING)
    except roles.NotYourRole as refused:
        raise NotPermitted(str(refused)) from None
    return answer({"key": keys.secret_of(token.account)})


def get_account(request: TokenRequest) -> HttpResponse:
    """GET /account. An organisation has a name and no username: there it is the one of whoever made the token."""
    token = request.api_token
    shared = token.account.kind == Account.Kind.ORGANIZATION
    return answer(
        {
            "type": token.account.kind,
            "username": token.user.username,
            "name": token.account.name if shared else token.user.shown_name,
            "github_url": None,
            "avatar_url": addresses_of(request).own("/static/img/mark.svg"),
        }
    )
