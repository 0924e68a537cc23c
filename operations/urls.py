"""URLs of the operations pages, under /admin/."""

from __future__ import annotations

from django.urls import path

from operations import announcement_editor, maintenance, member_directory, site_settings
from operations.dashboard import views

urlpatterns = [
    path("operations/", views.operations, name="operations"),
    path("operations/maintenance/", maintenance.maintenance, name="maintenance"),
    path("operations/draining/", maintenance.draining, name="draining"),
    path("operations/<slug:name>.csv", views.download, name="operations_csv"),
    path("operations/upstreams/<int:pk>/", views.switch, name="operations_switch"),
    path("announcements/", announcement_editor.announcements, name="announcements"),
    path("announcements/<int:pk>/withdraw/", announcement_editor.withdraw, name="withdraw_announcement"),
    path("house/", site_settings.edit, name="house"),
    path("members/", member_directory.members, name="members"),
    path("members/<int:pk>/", member_directory.member, name="member"),
]
