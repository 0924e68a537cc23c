"""URLs of the public gallery."""

from __future__ import annotations

from django.urls import path

from gallery import converters as _names  # noqa: F401  `<name:…>`
from gallery.items import views as item_views
from gallery.public import feeds, oembed, sitemaps, views

urlpatterns = [
    path("library/<slug:public_id>/publish/", item_views.publish, name="item_publish"),
    path("library/<slug:public_id>/unpublish/", item_views.unpublish, name="item_unpublish"),
    path("gallery/", views.gallery, name="gallery"),
    path("gallery/feed.xml", feeds.Newest(), name="feed_newest"),
    path("gallery/week/", views.week, name="gallery_week"),
    path("gallery/following/", views.following, name="gallery_following"),
    path("gallery/reading/", views.set_preferences, name="gallery_reading"),
    path("gallery/tag/<name:name>/", views.tag, name="gallery_tag"),
    path("gallery/tag/<name:name>/feed.xml", feeds.OfTag(), name="feed_tag"),
    path("gallery/by/<name:username>/", views.author, name="gallery_author"),
    path("gallery/by/<name:username>/feed.xml", feeds.OfAuthor(), name="feed_author"),
    path("gallery/model/<name:owner>/<name:name>/", views.model, name="gallery_model"),
    path("gallery/<slug:public_id>/", views.item, name="gallery_item"),
    path("gallery/<slug:public_id>/picture/<slug:size>", views.picture, name="item_picture"),
    path("oembed", oembed.oembed, name="oembed"),
    path("robots.txt", sitemaps.robots, name="robots"),
    path("sitemap.xml", sitemaps.index, name="sitemap"),
    path("sitemap-<slug:section>.xml", sitemaps.section, name="sitemap_section"),
]
