"""Addresses of the operator's desk, below /admin/."""

from __future__ import annotations

from django.urls import path

from gallery.operations import announcing, house, maintenance, members, views

urlpatterns = [
    path("operations/", views.operations, name="operations"),
    path("operations/maintenance/", maintenance.maintenance, name="maintenance"),
    path("operations/draining/", maintenance.draining, name="draining"),
    path("operations/<slug:name>.csv", views.download, name="operations_csv"),
    path("operations/upstreams/<int:pk>/", views.switch, name="operations_switch"),
    path("announcements/", announcing.announcements, name="announcements"),
    path("announcements/<int:pk>/withdraw/", announcing.withdraw, name="withdraw_announcement"),
    path("house/", house.house, name="house"),
    path("members/", members.members, name="members"),
    path("members/<int:pk>/", members.member, name="member"),
]
