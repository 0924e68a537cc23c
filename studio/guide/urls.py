"""URLs of the guide, mounted at `/`."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from studio.guide import views

MARKDOWN = {"as_markdown": True}
urlpatterns = [
    path("docs/", views.guide, name="guide"),
    path("docs", RedirectView.as_view(url="/docs/")),
    path("docs/index", RedirectView.as_view(url="/docs/")),
    path("docs/search", views.search, name="guide_search"),
    path("llms.txt", views.llms, name="llms"),
    path("docs/llms.txt", views.llms),
    path("docs/models/<str:owner>/<str:name>.md", views.model, MARKDOWN, name="guide_model_markdown"),
    path("docs/models/<str:owner>/<str:name>", views.model, name="guide_model"),
    path("docs/<slug:name>.md", views.guide, MARKDOWN, name="guide_markdown"),
    path("docs/<slug:name>", views.guide, name="guide_page"),
]
