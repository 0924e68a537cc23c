"""URLs of share links."""

from __future__ import annotations

from django.urls import path

from gallery.shares import guest_reports, guest_views, views

urlpatterns = [
    path("library/links/", views.links, name="share_links"),
    path("library/links/<int:link_id>/withdraw/", views.withdraw_any, name="share_withdraw"),
    path("library/<slug:public_id>/share/", views.share, name="item_share"),
    path("library/<slug:public_id>/share/<int:link_id>/withdraw/", views.withdraw, name="item_withdraw"),
    path("s/<slug:token>/", guest_views.page_of, name="share"),
    path("s/<slug:token>/open/", guest_views.unlock, name="share_unlock"),
    path("s/<slug:token>/report/", guest_reports.report, name="share_report"),
    path("s/<slug:token>/picture/<slug:size>", guest_views.picture_of, name="share_picture"),
    path("s/<slug:token>/<slug:item_id>/", guest_views.item_of, name="share_item"),
    path("s/<slug:token>/<slug:item_id>/report/", guest_reports.report, name="share_item_report"),
    path(
        "s/<slug:token>/<slug:item_id>/picture/<slug:size>",
        guest_views.item_picture_of,
        name="share_item_picture",
    ),
]
