"""URL patterns of the accounts endpoints under `/api/`."""

from __future__ import annotations

from django.urls import path

from accounts.api.ledger import LedgerView
from accounts.api.me import MeView
from accounts.api.organizations import (
    InvitationsView,
    InvitationView,
    MembersView,
    MemberView,
    OrganizationsView,
    OrganizationView,
)
from accounts.api.sessions import SessionsView, SessionView, SignInsView
from accounts.api.tokens import TokensView, TokenView
from accounts.api.transfers import GiftsView, RedeemView

urlpatterns = [
    path("me", MeView.as_view(), name="api_me"),
    path("ledger", LedgerView.as_view(), name="api_ledger"),
    path("redeem", RedeemView.as_view(), name="api_redeem"),
    path("gifts", GiftsView.as_view(), name="api_gifts"),
    path("tokens", TokensView.as_view(), name="api_tokens"),
    path("tokens/<int:token_id>", TokenView.as_view(), name="api_token"),
    path("sessions", SessionsView.as_view(), name="api_sessions"),
    path("sessions/<int:session_id>", SessionView.as_view(), name="api_session"),
    path("sign-ins", SignInsView.as_view(), name="api_sign_ins"),
    path("organizations", OrganizationsView.as_view(), name="api_organizations"),
    path("organizations/<int:number>", OrganizationView.as_view(), name="api_organization"),
    path("organizations/<int:number>/members", MembersView.as_view(), name="api_members"),
    path("organizations/<int:number>/members/<int:member_id>", MemberView.as_view(), name="api_member"),
    path("organizations/<int:number>/invitations", InvitationsView.as_view(), name="api_invitations"),
    path(
        "organizations/<int:number>/invitations/<int:invitation_id>",
        InvitationView.as_view(),
        name="api_invitation",
    ),
]
