"""Admin of sealed evidence. The list shows that it exists; its content opens only for a stated, logged reason."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from accounts.models import User
from core.admin.cells import change_url, pretty
from core.admin.columns import link_column, time_column
from core.admin.decorators import permission_check
from core.admin.forms import ReasonForm, ask_page, object_or_404
from core.admin.model_admins import ReadOnlyAdmin
from gallery.models import Evidence
from gallery.moderation import evidence

_SALT = "gallery.evidence"
OPEN_FOR_S = 300
"""How long after opening the evidence its picture may be viewed, by the user who opened it alone."""
_INLINE = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "video/mp4"}


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """Evidence kept of removed pictures, its expiry, and the action that opens it."""

    list_display = ("item_id_then", "member", "case", "sealed", "kept_until", "state")
    list_filter = ("created_at",)
    list_select_related = ("user", "case")
    search_fields = ("=item_id_then", "user__username", "=case__id")
    allowed_lookups = ("case__id__exact",)
    fields = (
        "item_id_then", "member", "case", "content_type", "made_by", "created_at", "sealed_until", "gone_at",
    )  # fmt: skip
    actions_detail = ("open_sealed",)
    member = link_column("user", gettext_lazy("member"))
    sealed = time_column("created_at", gettext_lazy("sealed"))
    kept_until = time_column("sealed_until", gettext_lazy("kept until"))
    has_open_permission = permission_check(evidence.PERMISSION)

    @display(description=gettext_lazy("state"), label={"sealed": "success", "gone": "default"})
    def state(self, row: Evidence) -> tuple[str, str]:
        return ("gone", _("gone")) if row.gone_at is not None else ("sealed", _("sealed"))

    @action(
        description=gettext_lazy("Open the evidence"), url_path="open", icon="lock_open", permissions=["open"]
    )
    def open_sealed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason, then show the content in this response alone."""
        row = object_or_404(self, request, object_id)
        form = ReasonForm(request.POST or None)
        title = _("Open the evidence")
        back = change_url(row)
        if not form.is_valid():
            words = _("It is shown once. Your name and the reason go on record.")
            return _private(ask_page(self, request, form, title=title, words=words, button=title, back=back))
        try:
            opened = evidence.open_evidence(row.pk, cast(User, request.user), form.cleaned_data["reason"])
        except evidence.Gone:
            form.add_error(None, _("It is gone: its time was over, or no key of this server opens it."))
            return _private(ask_page(self, request, form, title=title, button=title, back=back))
        ticket = signing.dumps([row.pk, request.user.pk], salt=_SALT)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": _("Evidence %(item)s") % {"item": row.item_id_then},
            "row": row,
            "words": pretty(opened.words),
            "picture": reverse("admin:gallery_evidence_picture", args=[row.pk]) + f"?ticket={ticket}",
            "is_film": row.content_type.startswith("video/"),
            "shows": row.content_type in _INLINE and row.file_id is not None,
            "back": back,
        }
        return _private(TemplateResponse(request, "admin/evidence.html", context))

    def get_urls(self) -> list[Any]:
        own = path(
            "<int:number>/picture/",
            self.admin_site.admin_view(self.picture),
            name="gallery_evidence_picture",
        )
        return [own, *super().get_urls()]

    def picture(self, request: HttpRequest, number: int) -> HttpResponse:
        """The picture of evidence that this user opened within `OPEN_FOR_S`; 404 in every other case."""
        if not self.has_open_permission(request):
            raise Http404
        try:
            claims = signing.loads(request.GET.get("ticket", ""), salt=_SALT, max_age=OPEN_FOR_S)
        except signing.BadSignature:
            raise Http404 from None
        row = Evidence.objects.select_related("file").filter(pk=number, gone_at__isnull=True).first()
        if row is None or row.file is None or claims != [row.pk, request.user.pk]:
            raise Http404
        kind = row.content_type if row.content_type in _INLINE else "application/octet-stream"
        answer = StreamingHttpResponse(evidence.content(row), content_type=kind)
        answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer["X-Content-Type-Options"] = "nosniff"
        how = "inline" if kind in _INLINE else "attachment"
        answer["Content-Disposition"] = f'{how}; filename="evidence-{row.pk}"'
        return _private(answer)  # type: ignore[arg-type]


def _private(answer: HttpResponse) -> HttpResponse:
    """Forbid browsers and proxies to store the response."""
    answer["Cache-Control"] = "private, no-store"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
