"""URLs of the moderation pages, under /admin/moderation/."""

from __future__ import annotations

from django.urls import path

from gallery.moderation.staff_pages import decision_views, member_views, views

urlpatterns = [
    path("", views.case_list, name="moderation"),
    path("news/", views.new_cases, name="moderation_news"),
    path("undo/", decision_views.undo, name="moderation_undo"),
    path("bulk/", decision_views.bulk, name="moderation_bulk"),
    path("blur/", views.blur, name="moderation_blur"),
    path("members/<str:username>/", member_views.pictures, name="moderation_member"),
    path("<int:number>/", views.case_page, name="moderation_case"),
    path("<int:number>/panel/", views.panel, name="moderation_panel"),
    path("<int:number>/decide/", decision_views.decide, name="moderation_decide"),
    path("<int:number>/picture/<str:size>/", views.picture, name="moderation_picture"),
]
