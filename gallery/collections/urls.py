"""URLs of collections."""

from __future__ import annotations

from django.urls import path

from gallery.collections import editor_views, order_views, pick_views, public_views, views
from gallery.shares import collection_views

_COLLECTION = "library/collections/<slug:public_id>/"
urlpatterns = [
    path("library/collections/", views.collections, name="collections"),
    path("library/collections/new/", views.new, name="collection_new"),
    path("library/collections/pick/", pick_views.pick, name="collection_pick"),
    path("library/collections/add/", pick_views.add, name="collection_add"),
    path(_COLLECTION, views.collection, name="collection_own"),
    path(f"{_COLLECTION}edit/", views.edit, name="collection_edit"),
    path(f"{_COLLECTION}delete/", views.delete, name="collection_delete"),
    path(f"{_COLLECTION}move/", order_views.move, name="collection_move"),
    path(f"{_COLLECTION}cover/", order_views.cover, name="collection_cover"),
    path(f"{_COLLECTION}remove/", order_views.remove, name="collection_remove"),
    path(f"{_COLLECTION}editors/", editor_views.add, name="collection_editors"),
    path(f"{_COLLECTION}editors/remove/", editor_views.remove, name="collection_editor_remove"),
    path(f"{_COLLECTION}leave/", editor_views.leave, name="collection_leave"),
    path(f"{_COLLECTION}share/", collection_views.share, name="collection_share"),
    path(
        f"{_COLLECTION}share/<int:link_id>/withdraw/", collection_views.withdraw, name="collection_withdraw"
    ),
    path(f"{_COLLECTION}<slug:item_id>/", views.item, name="collection_item"),
    path(f"{_COLLECTION}<slug:item_id>/picture/<slug:size>", views.picture, name="collection_picture"),
    path(
        "library/<slug:public_id>/collections/<slug:collection_id>/remove/",
        pick_views.remove_own_item,
        name="item_leaves_collection",
    ),
    path("collections/", public_views.collections, name="collections_public"),
    path("collections/<slug:public_id>/", public_views.collection, name="collection_public"),
]
