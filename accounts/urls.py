"""Account pages, mounted at `/account/`."""

from __future__ import annotations

from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.overview, name="account_overview"),
    path("statement.csv", views.statement_csv, name="account_statement_csv"),
    path("tokens/", views.token_list, name="account_tokens"),
    path("tokens/<int:token_id>/", views.token_edit, name="account_token"),
    path("tokens/<int:token_id>/revoke/", views.token_revoke, name="account_token_revoke"),
]
