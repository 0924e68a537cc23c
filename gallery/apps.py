"""The gallery app: keeps finished outputs for browsing and sharing."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    name = "gallery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from gallery import publish
        from gallery.library import lifetime, storage, trash
        from gallery.provenance import credentials
        from gallery.search import indexing
        from gallery.social import liking
        from predictions.files import owners
        from predictions.running import chores

        publish.connect()
        storage.connect()
        chores.register("trash", trash.remove_old, every_s=60.0)
        chores.register("lifetime", lifetime.step, every_s=600.0)
        chores.register("search", indexing.step)
        chores.register("week", liking.age, every_s=60.0)
        chores.register("credentials", credentials.step, every_s=2.0)
        owners.register(publish.renditions)
