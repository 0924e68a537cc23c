"""URLs of data exports and account deletion."""

from __future__ import annotations

from django.urls import path

from gallery.privacy import views

urlpatterns = [
    path("account/export/", views.export, name="export"),
    path("account/export/<str:public_id>/", views.download, name="export_download"),
    path("account/delete/", views.close, name="account_close"),
    path("account/delete/organization/<int:number>/", views.close_organization, name="organization_close"),
    path("account/delete/stop/", views.keep, name="account_keep"),
    path("account/receipt/<str:reference>/", views.receipt, name="account_receipt"),
]
