"""Addresses of collections."""

from __future__ import annotations

from django.urls import path

from gallery.collections import arranging, people, picking, public, views
from gallery.shares import of_collections

_ONE = "library/collections/<slug:public_id>/"
urlpatterns = [
    path("library/collections/", views.collections, name="collections"),
    path("library/collections/new/", views.new, name="collection_new"),
    path("library/collections/pick/", picking.pick, name="collection_pick"),
    path("library/collections/add/", picking.add, name="collection_add"),
    path(_ONE, views.collection, name="collection_own"),
    path(f"{_ONE}edit/", views.edit, name="collection_edit"),
    path(f"{_ONE}delete/", views.delete, name="collection_delete"),
    path(f"{_ONE}move/", arranging.move, name="collection_move"),
    path(f"{_ONE}cover/", arranging.cover, name="collection_cover"),
    path(f"{_ONE}remove/", arranging.remove, name="collection_remove"),
    path(f"{_ONE}editors/", people.add, name="collection_editors"),
    path(f"{_ONE}editors/remove/", people.remove, name="collection_editor_remove"),
    path(f"{_ONE}leave/", people.leave, name="collection_leave"),
    path(f"{_ONE}share/", of_collections.share, name="collection_share"),
    path(f"{_ONE}share/<int:link_id>/withdraw/", of_collections.withdraw, name="collection_withdraw"),
    path(f"{_ONE}<slug:item_id>/", views.item, name="collection_item"),
    path(f"{_ONE}<slug:item_id>/picture/<slug:size>", views.picture, name="collection_picture"),
    path(
        "library/<slug:public_id>/collections/<slug:collection_id>/remove/",
        picking.take_back,
        name="item_leaves_collection",
    ),
    path("collections/", public.collections, name="collections_public"),
    path("collections/<slug:public_id>/", public.collection, name="collection_public"),
]
