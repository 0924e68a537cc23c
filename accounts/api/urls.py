"""Addresses of the accounts' share of `/api/`."""

from __future__ import annotations

from django.urls import path

from accounts.api.ledger import LedgerView
from accounts.api.me import MeView
from accounts.api.tokens import TokensView, TokenView

urlpatterns = [
    path("me", MeView.as_view(), name="api_me"),
    path("ledger", LedgerView.as_view(), name="api_ledger"),
    path("tokens", TokensView.as_view(), name="api_tokens"),
    path("tokens/<int:token_id>", TokenView.as_view(), name="api_token"),
]
