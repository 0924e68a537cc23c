"""Models of the gallery: items, collections, share links, social rows, moderation cases, search, privacy."""

from __future__ import annotations

from gallery.models.cases import AccountDeed, Case, Evidence
from gallery.models.collections import Collection, CollectionEditor, CollectionItem
from gallery.models.items import Item, ItemQuerySet, ItemTag, Licence, Tag, new_item_id
from gallery.models.preferences import Preset, ReaderChoice
from gallery.models.privacy import Closure, Export
from gallery.models.search import SearchRow
from gallery.models.shares import ShareLink, ShareLinkQuerySet
from gallery.models.social import Comment, Follow, Like, Report

__all__ = [
    "AccountDeed",
    "Case",
    "Closure",
    "Collection",
    "CollectionEditor",
    "CollectionItem",
    "Comment",
    "Evidence",
    "Export",
    "Follow",
    "Item",
    "ItemQuerySet",
    "ItemTag",
    "Licence",
    "Like",
    "Preset",
    "ReaderChoice",
    "Report",
    "SearchRow",
    "ShareLink",
    "ShareLinkQuerySet",
    "Tag",
    "new_item_id",
]
