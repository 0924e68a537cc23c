"""Admin of items (hide and restore, each with a reason) and of share links (withdraw)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.models import User
from accounts.staff import sanctions
from accounts.staff.list_search import IndexedSearchAdmin
from core.admin.cells import link
from core.admin.columns import link_column, time_column
from core.admin.decorators import permission_check
from core.admin.forms import ReasonForm, ask_page
from core.admin.model_admins import ReadOnlyAdmin
from gallery.models import Item, ShareLink
from gallery.moderation import decisions
from gallery.shares import share_links
from predictions.admin.predictions import thumbnail


class HiddenFilter(admin.SimpleListFilter):
    """Filter items by whether a moderator hid them."""

    title = gettext_lazy("moderation")
    parameter_name = "hidden"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("hidden")), ("no", _("not hidden"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in {"yes", "no"}:
            return queryset.filter(hidden_at__isnull=self.value() == "no")
        return queryset


@admin.register(Item)
class ItemAdmin(IndexedSearchAdmin, ReadOnlyAdmin):
    """Items with thumbnails. Hiding takes effect at once and everywhere; the owner keeps the picture and reads
    the reason."""

    list_display = ("picture", "words", "user_link", "model", "state", "hidden_reason", "when")
    # The thumbnail already links to the large picture, and links cannot nest.
    list_display_links = ("words",)
    list_filter = (HiddenFilter, "visibility", "model", "created_at")
    list_select_related = ("user", "model")
    search_fields = ("public_id", "title", "prompt", "user__username")
    exactly, by_user, in_newest = ("public_id",), ("user",), ("title", "prompt")
    actions = ("hide", "restore")
    fields = (
        "large_picture", "public_id", "title", "prompt", "show_prompt", "user_link", "account_link", "prediction",
        "model", "width", "height", "visibility", "published_at", "hidden_at", "hidden_reason", "created_at",
    )  # fmt: skip
    when = time_column("created_at", gettext_lazy("created"))
    user_link = link_column("user", gettext_lazy("user"))
    account_link = link_column("account", gettext_lazy("account"))
    has_moderate_permission = permission_check("gallery.change_item")

    @display(description=gettext_lazy("picture"))
    def picture(self, item: Item) -> str:
        return thumbnail(item.output_id, str(item))

    @display(description=gettext_lazy("picture"))
    def large_picture(self, item: Item) -> str:
        return thumbnail(item.output_id, str(item), 280)

    @display(description=gettext_lazy("title or prompt"))
    def words(self, item: Item) -> str:
        return Truncator(str(item)).chars(80)

    @display(description=gettext_lazy("prediction"))
    def prediction(self, item: Item) -> str:
        return link(item.output.prediction)

    @display(
        description=gettext_lazy("state"),
        label={"hidden": "danger", "public": "success", "unlisted": "default", "private": "default"},
    )
    def state(self, item: Item) -> tuple[str, str]:
        if item.hidden_at is not None:
            return "hidden", _("hidden")
        return item.visibility, item.get_visibility_display()

    @admin.action(description=gettext_lazy("Hide, with a reason"), permissions=["moderate"])
    def hide(self, request: HttpRequest, chosen: QuerySet[Item]) -> HttpResponse | None:
        """Ask for the reason, then hide the selected items."""
        form = ReasonForm(request.POST if "answered" in request.POST else None)
        if not form.is_valid():
            words = _("They leave the gallery and every share link at once. The owner reads the reason.")
            return ask_page(
                self,
                request,
                form,
                title=_("Hide"),
                words=words,
                button=_("Hide"),
                chosen=chosen,
                action="hide",
            )
        reason = form.cleaned_data["reason"]
        assert isinstance(request.user, User)
        cases = decisions.hide_directly(list(chosen), request.user, reason)
        self._report_changes(
            request, [case.item for case in cases if case.item is not None], f"Hidden: {reason}"
        )
        return None

    @admin.action(description=gettext_lazy("Show again"), permissions=["moderate"])
    def restore(self, request: HttpRequest, chosen: QuerySet[Item]) -> None:
        """Restore the selected items to where they were shown before."""
        assert isinstance(request.user, User)
        moderator = request.user
        self._report_changes(
            request, [item for item in chosen if decisions.restore_directly(item, moderator)], "Shown again."
        )

    def _report_changes(self, request: HttpRequest, changed: list[Item], note: str) -> None:
        for item in changed:
            self.log_change(request, item, note)
        words = ngettext("%(n)d item changed.", "%(n)d items changed.", len(changed)) % {"n": len(changed)}
        self.message_user(request, words, messages.SUCCESS if changed else messages.WARNING)


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnlyAdmin):
    """Share links: owner, views, withdrawal. The URL itself is a secret and not shown."""

    list_display = ("item_link", "user_link", "state", "views", "expires_at", "created_at")
    list_filter = (("withdrawn_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("item", "collection", "created_by")
    search_fields = ("=item__public_id", "item__title", "created_by__username")
    fields = ("item_link", "user_link", "show_prompt", "views", "expires_at", "withdrawn_at", "created_at")
    actions = ("withdraw",)
    user_link = link_column("created_by", gettext_lazy("user"))
    has_moderate_permission = permission_check("gallery.change_sharelink")

    @display(description=gettext_lazy("item"))
    def item_link(self, share: ShareLink) -> str:
        return link(share.item if share.item is not None else share.collection)

    @display(description=gettext_lazy("state"), label={"open": "success", "closed": "danger"})
    def state(self, share: ShareLink) -> tuple[str, str]:
        return ("open", _("open")) if share.is_open else ("closed", _("withdrawn or ended"))

    @admin.action(description=gettext_lazy("Withdraw for good"), permissions=["moderate"])
    def withdraw(self, request: HttpRequest, chosen: QuerySet[ShareLink]) -> None:
        """Withdraw the selected links; links made by staff only for those who outrank them."""
        assert isinstance(request.user, User)
        moderator, rows = request.user, chosen.select_related("created_by")
        ended = [
            share
            for share in rows
            if sanctions.outranks(moderator, share.created_by) and share_links.withdraw(share)
        ]
        for share in ended:
            self.log_change(request, share, "Withdrawn.")
        words = ngettext("%(n)d link withdrawn.", "%(n)d links withdrawn.", len(ended)) % {"n": len(ended)}
        self.message_user(request, words, messages.SUCCESS if ended else messages.WARNING)
