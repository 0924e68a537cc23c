"""URLs of a member's own moderation pages."""

from __future__ import annotations

from django.urls import path

from gallery.moderation import views

urlpatterns = [
    path("account/decisions/", views.decisions, name="decisions"),
    path("account/decisions/<int:number>/", views.decision, name="decision"),
    path("account/decisions/sanction/<int:number>/", views.sanction, name="decision_sanction"),
    path("library/<slug:public_id>/review/withdraw/", views.withdraw, name="review_withdraw"),
]
