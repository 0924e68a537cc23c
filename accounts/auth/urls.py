"""URL patterns beside allauth's, mounted before them at `/accounts/`."""

from __future__ import annotations

from django.urls import path

from accounts.auth import blocked_login
from accounts.views import security

urlpatterns = [
    path("inactive/", blocked_login.page, name="account_inactive"),
    path("invitation/", security.invitation_ended, name="entrance_invitation_ended"),
    path("invitation/<str:secret>/", security.invitation, name="entrance_invitation"),
    path("2fa/", security.security, name="mfa_index"),
    path("sessions/", security.session_list, name="usersessions_list"),
    path("sessions/others/end/", security.sessions_end, name="entrance_sessions_end"),
    path("sessions/<int:pk>/end/", security.session_end, name="entrance_session_end"),
]
