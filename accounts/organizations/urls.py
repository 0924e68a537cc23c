"""URL patterns of organisations, mounted at `/account/`."""

from __future__ import annotations

from django.urls import path

from accounts.views import organizations

urlpatterns = [
    path("organizations/", organizations.organizations, name="organizations"),
    path("organizations/<int:number>/", organizations.organization, name="organization"),
    path("organizations/<int:number>/<slug:deed>/", organizations.change, name="organization_change"),
    path("join/<str:secret>/", organizations.join, name="organization_join"),
    path("act/", organizations.act, name="account_act"),
]
