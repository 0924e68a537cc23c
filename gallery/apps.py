"""App configuration of the gallery: registers its background jobs, signal receivers and file owners."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GalleryConfig(AppConfig):
    name = "gallery"
    verbose_name = _("Gallery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.auth import blocked_login, login_redirect
        from core.jobs import scheduler
        from gallery.items import creation
        from gallery.library import lifetime, trash
        from gallery.moderation import case_jobs
        from gallery.moderation import views as moderation_views
        from gallery.moderation.effects import bulk_hide, takedown
        from gallery.privacy import closure, exports
        from gallery.provenance import content_credentials
        from gallery.search import indexer, vocabulary
        from gallery.social import likes
        from predictions.files import removal

        creation.connect_signals()
        moderation_views.connect_signals()
        takedown.connect_signals()
        scheduler.register("trash", trash.remove_old, due=trash.expired, every_s=60.0)
        scheduler.register("lifetime", lifetime.run_once, every_s=600.0)
        scheduler.register("search", indexer.run_once, due=indexer.due)
        scheduler.register("words of search", vocabulary.drop_unused, every_s=30.0)
        scheduler.register("week", likes.expire, due=likes.expired, every_s=60.0)
        scheduler.register("exports", exports.run_once, due=exports.due, every_s=2.0)
        scheduler.register("closures", closure.run_once, due=closure.due, every_s=30.0)
        scheduler.register("cases of reports", case_jobs.open_for_reports, every_s=60.0)
        scheduler.register(
            "cases of findings", case_jobs.open_for_findings, due=case_jobs.pending_findings, every_s=1.0
        )
        scheduler.register("cases of what is gone", case_jobs.close_orphans, every_s=60.0)
        scheduler.register("pictures of a member", bulk_hide.run_once, due=bulk_hide.unfinished)
        scheduler.register(
            "credentials", content_credentials.run_once, due=content_credentials.due, every_s=2.0
        )
        removal.register_owner(creation.is_rendition)
        removal.register_owner(exports.is_export_file)
        blocked_login.register_link(closure.export_option)
        login_redirect.register_redirect(closure.keep_account_url)
