"""URL patterns of the notifications inbox."""

from __future__ import annotations

from django.urls import path

from accounts.notifications import views

urlpatterns = [
    path("account/notices/", views.inbox, name="notices"),
    path("account/notices/peek/", views.peek, name="notices_peek"),
    path("account/notices/count/", views.count, name="notices_count"),
    path("account/notices/read/", views.read_all, name="notices_read"),
    path("account/notices/choices/", views.choose, name="notices_choices"),
    path("account/notices/stop/<str:token>/", views.stop, name="notices_stop"),
    path("account/notices/<int:number>/", views.follow, name="notice"),
]
