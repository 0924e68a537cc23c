"""Account pages, mounted at `/account/`."""

from __future__ import annotations

from django.urls import include, path

from accounts import money_views, views
from accounts.payments import views as payments

urlpatterns = [
    path("", money_views.overview, name="account_overview"),
    path("statement.csv", money_views.statement_csv, name="account_statement_csv"),
    path("redeem/", money_views.redeem, name="account_redeem"),
    path("gifts/", money_views.gifts, name="account_gifts"),
    path("limits/", money_views.limits, name="account_limits"),
    path("credits/", payments.credits, name="account_credits"),
    path("credits/<slug:reference>/", payments.purchase, name="account_purchase"),
    path("", include("accounts.organizations.urls")),
    path("tokens/", views.token_list, name="account_tokens"),
    path("tokens/<int:token_id>/", views.token_edit, name="account_token"),
    path("tokens/<int:token_id>/revoke/", views.token_revoke, name="account_token_revoke"),
]
