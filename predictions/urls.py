"""Addresses of output files."""

from __future__ import annotations

from django.urls import path

from predictions import views

urlpatterns = [path("f/<str:token>/<str:name>", views.output_file, name="output_file")]
