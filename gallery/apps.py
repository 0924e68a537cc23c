"""The gallery app: keeps finished outputs for browsing and sharing."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GalleryConfig(AppConfig):
    name = "gallery"
    verbose_name = _("Gallery")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import allowances, low, throttle
        from accounts.entrance import barred, history, leading, sessions
        from accounts.payments import looking, owing
        from gallery import publish
        from gallery.leaving import closing, exporting, offering
        from gallery.library import lifetime, trash
        from gallery.moderation import chores as moderating
        from gallery.moderation import deeds, removing
        from gallery.moderation import pages as moderated
        from gallery.notices import mailing
        from gallery.provenance import credentials
        from gallery.search import indexing, vocabulary
        from gallery.social import liking
        from gallery.studio import drawn as controls
        from predictions.cog import drawn
        from predictions.files import owners
        from predictions.running import chores

        publish.connect()
        moderated.connect()
        removing.connect()
        chores.register("sign_ins", history.forget_old, every_s=600.0)
        chores.register("tries", throttle.forget_old, due=throttle.old, every_s=60.0)
        chores.register("sessions", sessions.forget_old, every_s=3600.0)
        chores.register("trash", trash.remove_old, due=trash.old, every_s=60.0)
        chores.register("lifetime", lifetime.step, every_s=600.0)
        chores.register("search", indexing.step, due=indexing.due)
        chores.register("words of search", vocabulary.drop_unused, every_s=30.0)
        chores.register("week", liking.age, due=liking.aged, every_s=60.0)
        chores.register("payments", looking.step, every_s=300.0)
        chores.register("payments back", owing.step, due=owing.due, every_s=30.0)
        chores.register("exports", exporting.step, due=exporting.due, every_s=2.0)
        chores.register("closures", closing.step, due=closing.due, every_s=30.0)
        chores.register("mail", mailing.step, due=mailing.due, every_s=1.0)
        chores.register("old notices", mailing.prune, every_s=3600.0)
        chores.register("allowances", allowances.step, due=allowances.due_soonest, every_s=5.0)
        chores.register("low balances", low.step, due=low.due, every_s=10.0, unasked_s=60.0)
        chores.register("cases of reports", moderating.reports, every_s=60.0)
        chores.register("cases of findings", moderating.findings, due=moderating.owed_findings, every_s=1.0)
        chores.register("cases of what is gone", moderating.loose, every_s=60.0)
        chores.register("pictures of a member", deeds.step, due=deeds.undone)
        chores.register("credentials", credentials.step, due=credentials.due, every_s=2.0)
        owners.register(publish.renditions)
        drawn.is_told_by(controls.controls)
        owners.register(exporting.owned)
        barred.offers(offering.export)
        leading.leads(offering.keeping)
