"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path

from gallery.studio import views as studio
from gallery.views import home, library, prediction, public, webhooks

urlpatterns = [
    path("", home.home, name="home"),
    path("theme/", home.theme, name="theme"),
    path("studio/", studio.studio, name="studio"),
    path("studio/make/", studio.make, name="studio_make"),
    path("studio/form/", studio.form, name="studio_form"),
    path("studio/quote/", studio.quote, name="studio_quote"),
    path("studio/live/", studio.live, name="studio_live"),
    path("studio/<slug:public_id>/cancel/", studio.cancel, name="studio_cancel"),
    path("studio/<slug:public_id>/again/", studio.again, name="studio_again"),
    path("p/<slug:public_id>/", prediction.prediction, name="prediction"),
    path("account/webhooks/", webhooks.webhooks, name="account_webhooks"),
    path("account/webhooks/secret/", webhooks.secret, name="account_webhook_secret"),
    path("account/webhooks/rotate/", webhooks.rotate, name="account_webhook_rotate"),
    path("account/webhooks/test/", webhooks.test, name="account_webhook_test"),
    path("account/webhooks/<str:message_id>/", webhooks.delivery, name="account_webhook"),
    path("account/webhooks/<str:message_id>/line/", webhooks.line, name="account_webhook_line"),
    path("account/webhooks/<str:message_id>/resend/", webhooks.resend, name="account_webhook_resend"),
    path("library/", library.library, name="library"),
    path("library/<slug:public_id>/", library.item, name="library_item"),
    path("library/<slug:public_id>/publish/", library.publish, name="item_publish"),
    path("library/<slug:public_id>/unpublish/", library.unpublish, name="item_unpublish"),
    path("library/<slug:public_id>/share/", library.share, name="item_share"),
    path("library/<slug:public_id>/share/<int:link_id>/withdraw/", library.withdraw, name="item_withdraw"),
    path("library/<slug:public_id>/delete/", library.delete, name="item_delete"),
    path("gallery/", public.gallery, name="gallery"),
    path("gallery/<slug:public_id>/", public.item, name="gallery_item"),
    path("gallery/<slug:public_id>/picture/<slug:size>", public.picture, name="item_picture"),
    path("s/<slug:token>/", public.share, name="share"),
    path("s/<slug:token>/picture/<slug:size>", public.share_picture, name="share_picture"),
]
