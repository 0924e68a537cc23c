"""Addresses of a member's side of moderation."""

from __future__ import annotations

from django.urls import path

from gallery.moderation import pages

urlpatterns = [
    path("account/decisions/", pages.decisions, name="decisions"),
    path("account/decisions/<int:number>/", pages.decision, name="decision"),
    path("account/decisions/sanction/<int:number>/", pages.sanction, name="decision_sanction"),
    path("library/<slug:public_id>/review/withdraw/", pages.withdraw, name="review_withdraw"),
]
