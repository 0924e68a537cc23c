"""Pages of data exports and account deletion."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.auth import blocked_login, reauthentication
from accounts.auth.member_pages import member_required, user_of
from accounts.models import Account, User
from accounts.organizations import roles
from accounts.personal_accounts import personal_account
from accounts.site import site_rules
from core.http.pages import page
from gallery.models import Closure, Export, Item
from gallery.privacy import closure, exports, retention
from predictions.files import file_responses
from predictions.models import Prediction, Upload

_SHOWN = 10


def _identified_user(request: HttpRequest) -> User:
    """The signed-in member, or a blocked one who has just proved who they are: they may still export their
    data."""
    user = request.user if isinstance(request.user, User) else blocked_login.blocked_user(request)
    if user is None:
        raise Http404
    return user


def _require_recent_login(request: HttpRequest) -> None:
    """Require a recent sign-in, since a browser may have been left open. A blocked user has just proved who
    they are."""
    if request.user.is_authenticated:
        reauthentication.redirect_to_confirm(request)


def _account(user: User) -> Account:
    account = personal_account(user) or user.account
    if account is None:
        raise Http404
    return account


@require_http_methods(["GET", "POST"])
def export(request: HttpRequest) -> HttpResponse:
    """/account/export/: the exports there are; POST requests one."""
    if not request.user.is_authenticated and blocked_login.blocked_user(request) is None:
        return redirect("account_login")
    user = _identified_user(request)
    account = _account(user)
    if request.method == "POST":
        _require_recent_login(request)
        try:
            exports.request_export(user, account)
        except exports.TooSoon as soon:
            message = _("There is a copy of the last 24 hours already: take that one.")
            messages.info(
                request, message if soon.export else _("There were several tries today. Try again tomorrow.")
            )
        except exports.NoRoom:
            messages.error(
                request,
                _("The server has no room for a copy at present. Nothing was changed; try again later."),
            )
        else:
            messages.success(request, _("Your copy is being made. You are told when it is ready."))
        return redirect("export")
    own = list(Export.objects.filter(user=user, account=account).select_related("file")[:_SHOWN])
    under_way = any(row.state in exports.PENDING_STATES for row in own)
    context = {"exports": own, "under_way": under_way, "is_barred": not request.user.is_authenticated}
    return page(request, "privacy/export.html", context)


@require_GET
def download(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /account/export/ID/: the archive, with ranges. For its owner alone; 404 for others."""
    user = _identified_user(request)
    found = (
        Export.objects.filter(public_id=public_id, user=user, state=Export.State.READY)
        .select_related("file")
        .first()
    )
    if found is None or found.file is None:
        raise Http404
    _require_recent_login(request)
    name = f"darkroom-{user.username}-{found.created_at:%Y-%m-%d}.zip"
    return file_responses.send(request, found.file, filename=name, attachment=True, revalidate=True)


class NameForm(forms.Form):
    """The typed name of what is to be deleted, against slips."""

    name = forms.CharField(label=gettext_lazy("Your username"), max_length=150, strip=True)

    def __init__(self, *args: Any, name: str, label: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        self.fields["name"].label = label or self.fields["name"].label
        self.fields["name"].widget.attrs["autocomplete"] = "off"

    def clean_name(self) -> str:
        if self.cleaned_data["name"].casefold() != self._name.casefold():
            raise forms.ValidationError(_("This is another name."))
        return str(self.cleaned_data["name"])


@require_http_methods(["GET", "POST"])
@member_required
def close(request: HttpRequest) -> HttpResponse:
    """/account/delete/: what would be deleted and the form; or the pending request with the button to cancel
    it."""
    row = closure.pending_for_user(user_of(request))
    if row is not None:
        late = [closure.MESSAGES[code] for code in closure.obstacles(row.user)]
        return page(request, "privacy/closure_pending.html", {"wish": row, "obstacles": late})
    return _close(request)


def _close(request: HttpRequest) -> HttpResponse:
    reauthentication.redirect_to_confirm(request)
    user = user_of(request)
    form = NameForm(request.POST if request.method == "POST" else None, name=user.username)
    obstacles = closure.obstacles(user)
    if request.method == "POST" and form.is_valid():
        try:
            closure.request_closure(user)
            return redirect("account_close")
        except closure.CannotClose as cannot:
            obstacles = [cannot.code]
    return _form_page(request, _account(user), form, obstacles)


@require_http_methods(["GET", "POST"])
@member_required
def close_organization(request: HttpRequest, number: int) -> HttpResponse:
    """/account/organizations/NUMBER/close/: for its owners, as `close` is for a personal account."""
    account = _owned_organization(user_of(request), number)
    row = closure.pending_for(account)
    if row is not None:
        return page(request, "privacy/closure_pending.html", {"wish": row, "organization": account})
    return _close_organization(request, account)


def _owned_organization(user: User, number: int) -> Account:
    """An organisation that the user owns; Http404 for one that they do not act for."""
    account = Account.objects.filter(
        pk=number, kind=Account.Kind.ORGANIZATION, memberships__user=user
    ).first()
    if account is None or account.status == Account.Status.CLOSED:
        raise Http404
    roles.require(user, account, roles.MANAGING)
    return account


def _close_organization(request: HttpRequest, account: Account) -> HttpResponse:
    reauthentication.redirect_to_confirm(request)
    sent = request.POST if request.method == "POST" else None
    form = NameForm(sent, name=account.name, label=_("Its name"))
    obstacles: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            closure.request_closure(user_of(request), account)
            return redirect("organization_close", number=account.pk)
        except closure.CannotClose as cannot:
            obstacles = [cannot.code]
    return _form_page(request, account, form, obstacles, organization=account)


def _form_page(
    request: HttpRequest, account: Account, form: NameForm, obstacles: list[str], **more: Any
) -> HttpResponse:
    context = {
        "form": form,
        "obstacles": [closure.MESSAGES[code] for code in obstacles],
        "counts": _counts(account),
        "days": site_rules.current().closing_days,
        "stays": retention.display_rows(),
        **more,
    }
    return page(request, "privacy/close_account.html", context, status=422 if form.errors else 200)


def _counts(account: Account) -> dict[str, int]:
    return {
        "pictures": Item.objects.filter(account=account).count(),
        "predictions": Prediction.objects.filter(account=account).count(),
        "uploads": Upload.objects.filter(account=account).count(),
        "balance": account.balance + account.held,
    }


@require_POST
@member_required
def keep(request: HttpRequest) -> HttpResponse:
    """POST /account/delete/stop/: cancel the request; that of an `organization` by any of its owners."""
    user, number = user_of(request), request.POST.get("organization", "")
    if number and not (number.isdecimal() and len(number) < 19):
        raise Http404
    row = (
        closure.pending_for(_owned_organization(user, int(number)))
        if number
        else closure.pending_for_user(user)
    )
    if row is not None and closure.cancel(row):
        messages.success(request, _("It stays. Nothing was removed."))
    return redirect("organization", number=int(number)) if number else redirect("account_overview")


@require_GET
def receipt(request: HttpRequest, reference: str) -> HttpResponse:
    """GET /account/receipt/REFERENCE/: the counts of what was deleted. The URL is the only key, and identifies
    nobody."""
    found = Closure.objects.filter(reference=reference, finished_at__isnull=False).first()
    if found is None:
        raise Http404
    words = {
        "pictures": _("pictures with their files"),
        "predictions": _("predictions with their prompts"),
        "uploads": _("files that were sent"),
        "collections": _("collections"),
        "shares": _("share links"),
        "comments": _("comments"),
        "likes": _("likes"),
        "follows": _("follows"),
        "notices": _("notices"),
        "exports": _("copies"),
        "tokens": _("API tokens"),
    }
    lines = [(text, found.receipt[name]) for name, text in words.items() if found.receipt.get(name)]
    context = {
        "closure": found,
        "lines": lines,
        "kept": found.receipt.get("ledger_rows_kept", 0),
        "stays": retention.display_rows(),
    }
    return page(request, "privacy/closure_receipt.html", context)
