"""Addresses of organisations, below `/account/`; the link to join stands in `accounts.urls`."""

from __future__ import annotations

from django.urls import path

from accounts.organizations import views

urlpatterns = [
    path("organizations/", views.organizations, name="organizations"),
    path("organizations/<int:number>/", views.organization, name="organization"),
    path("organizations/<int:number>/<slug:deed>/", views.change, name="organization_change"),
    path("join/<str:secret>/", views.join, name="organization_join"),
    path("act/", views.act, name="account_act"),
]
