"""Pages of the entrance beside allauth's, mounted before them at `/accounts/`."""

from __future__ import annotations

from django.urls import path

from accounts.entrance import barred, views

urlpatterns = [
    path("inactive/", barred.page, name="account_inactive"),
    path("invitation/", views.invitation_ended, name="entrance_invitation_ended"),
    path("invitation/<str:secret>/", views.invitation, name="entrance_invitation"),
    path("2fa/", views.security, name="mfa_index"),
    path("sessions/", views.session_list, name="usersessions_list"),
    path("sessions/others/end/", views.sessions_end, name="entrance_sessions_end"),
    path("sessions/<int:pk>/end/", views.session_end, name="entrance_session_end"),
]
