"""URL patterns of the account pages, mounted at `/account/`."""

from __future__ import annotations

from django.urls import include, path

from accounts.views import credits, tokens
from accounts.views import purchases as payments

urlpatterns = [
    path("", credits.overview, name="account_overview"),
    path("statement.csv", credits.statement_csv, name="account_statement_csv"),
    path("redeem/", credits.redeem, name="account_redeem"),
    path("gifts/", credits.gift_page, name="account_gifts"),
    path("limits/", credits.limits, name="account_limits"),
    path("credits/", payments.credits, name="account_credits"),
    path("credits/<slug:reference>/", payments.purchase, name="account_purchase"),
    path("", include("accounts.organizations.urls")),
    path("tokens/", tokens.token_list, name="account_tokens"),
    path("tokens/<int:token_id>/", tokens.token_edit, name="account_token"),
    path("tokens/<int:token_id>/revoke/", tokens.token_revoke, name="account_token_revoke"),
]
