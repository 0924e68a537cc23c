"""Staff page of announcements: written in both languages, shown for a period, withdrawn at once."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Announcement, User
from accounts.site import announcement_cache
from accounts.staff import audit_log
from core import timezones
from core.admin.decorators import staff_permission_required
from core.clock import Now
from core.http.pages import page

_SHOWN = 50
_LOCAL = "%Y-%m-%dT%H:%M"


class AnnouncementForm(forms.ModelForm):
    """Texts, link, audience and period of an announcement."""

    starts_at = forms.DateTimeField(
        label=gettext_lazy("From"),
        required=False,
        input_formats=[_LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
        help_text=gettext_lazy("Empty: from now on. In your own time zone."),
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        input_formats=[_LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
        help_text=gettext_lazy("Empty: until it is taken back."),
    )

    class Meta:
        model = Announcement
        fields: ClassVar = ["text_en", "text_zh", "link", "tone", "audience", "starts_at", "ends_at"]
        labels: ClassVar = {"link": gettext_lazy("Leads to")}
        help_texts: ClassVar = {
            "link": gettext_lazy("A path of this house, such as /docs/, or an https address.")
        }

    def clean_link(self) -> str:
        """A path on this site or an https URL, so that nothing can be executed."""
        link = str(self.cleaned_data["link"]).strip()
        if link and not is_safe(link):
            raise forms.ValidationError(
                _("A path that begins with / or an address that begins with https://.")
            )
        return link

    def clean(self) -> dict[str, Any]:
        """The end is after the start and in the future; both dates are valid in every time zone."""
        data = super().clean() or {}
        for name in ("starts_at", "ends_at"):
            if data.get(name) is not None and not timezones.is_valid_day(data[name]):
                self.add_error(name, timezones.INVALID_DAY)
        begins, ends = data.get("starts_at") or timezone.now(), data.get("ends_at")
        if ends is not None and ends <= max(begins, timezone.now()):
            self.add_error("ends_at", _("This would be over before anybody reads it."))
        return data


def is_safe(link: str) -> bool:
    """Whether a link is a path on this site or an https URL, and not a script."""
    if not link.isprintable() or "\\" in link:
        return False
    if link.startswith("/"):
        return url_has_allowed_host_and_scheme(link, allowed_hosts=None)
    return link.startswith("https://") and url_has_allowed_host_and_scheme(
        link, allowed_hosts={link[len("https://") :].split("/")[0]}, require_https=True
    )


@staff_permission_required("accounts.view_announcement")
@require_http_methods(["GET", "POST"])
def announcements(request: HttpRequest) -> HttpResponse:
    """Current and former announcements, and the form for a new one."""
    may_add = request.user.has_perm("accounts.add_announcement")
    form = AnnouncementForm(request.POST or None) if may_add else None
    # Times are entered as they are displayed: in the reader's time zone.
    with timezone.override(timezones.for_reader(request)):
        is_valid = request.method == "POST" and form is not None and form.is_valid()
    if is_valid and form is not None:
        assert isinstance(request.user, User)
        announce(request.user, form)
        messages.success(request, _("Announced."))
        return redirect("announcements")
    context = {
        "form": form,
        "rows": Announcement.objects.order_by("-id")[:_SHOWN],
        "now": timezone.now(),
        "may_withdraw": request.user.has_perm("accounts.change_announcement"),
    }
    return page(
        request, "operations/announcements.html", context, status=422 if form and form.errors else 200
    )


def announce(actor: User, form: AnnouncementForm) -> Announcement:
    """Save it and write it to the audit log."""
    with transaction.atomic():
        row = form.save(commit=False)
        row.starts_at = form.cleaned_data["starts_at"] or timezone.now()
        row.save()
        logged = {"text_en": row.text_en, "text_zh": row.text_zh, "audience": row.audience, "link": row.link}
        audit_log.write(actor, "announcement.make", row, detail={"after": logged})
        transaction.on_commit(announcement_cache.clear_cache)
    return row


@staff_permission_required("accounts.change_announcement")
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraw one; it disappears from all pages within seconds."""
    assert isinstance(request.user, User)
    with transaction.atomic():
        row = get_object_or_404(Announcement, pk=min(pk, 2**63 - 1))
        if Announcement.objects.filter(pk=row.pk, withdrawn_at__isnull=True).update(withdrawn_at=Now()):
            audit_log.write(request.user, "announcement.withdraw", row)
            messages.success(request, _("Taken back."))
        transaction.on_commit(announcement_cache.clear_cache)
    return redirect("announcements")
