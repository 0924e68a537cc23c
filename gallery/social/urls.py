"""URLs of likes, follows, comments and reports."""

from __future__ import annotations

from django.urls import path

from gallery import converters as _names  # noqa: F401  `<name:…>`
from gallery.social import report_views, views

urlpatterns = [
    path("like/<slug:public_id>/", views.like, name="like"),
    path("follow/<name:username>/", views.follow, name="follow"),
    path("gallery/<slug:public_id>/comments/", views.comments, name="comments"),
    path("gallery/<slug:public_id>/comment/", views.comment, name="comment"),
    path("comment/<int:number>/remove/", views.remove_comment, name="comment_remove"),
    path("report/comment/<int:number>/", report_views.report_comment, name="report_comment"),
    path("report/collection/<slug:public_id>/", report_views.report_collection, name="report_collection"),
    path("report/<slug:public_id>/", report_views.report_item, name="report_item"),
]
