"""Owner's pages of share links: create and withdraw those of an item, and the list of all."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.models import Account, User
from core import pagination, timezones
from core.clock import Now
from core.http.pages import base_url, page
from core.http.redirects import safe_next
from gallery import permissions
from gallery.items import access, publication
from gallery.library.views import item_page, redirect_to_item
from gallery.models import Collection, Item, ShareLink, ShareLinkQuerySet
from gallery.shares import share_links
from gallery.shares.forms import ShareForm

PAGE = 40
_LARGEST = 2**63


@require_POST
@member_required
def share(request: HttpRequest, public_id: str) -> HttpResponse:
    """Create a share link of an item."""
    item = access.owned(request.user, public_id)
    form = create_link(request, item)
    if form is not None:
        return item_page(request, item, status=422, share_form=form)
    return redirect_to_item(item, "share")


@require_POST
@member_required
def withdraw(request: HttpRequest, public_id: str, link_id: int) -> HttpResponse:
    """End a share link of an item for good."""
    item = access.owned(request.user, public_id)
    withdraw_link(request, ShareLink.objects.filter(item=item), link_id)
    return redirect_to_item(item, "share")


def create_link(request: HttpRequest, thing: Item | Collection) -> ShareForm | None:
    """Create a link from the posted form and show a message; returns the form with its errors where none was
    created."""
    form = ShareForm(request.POST)
    # "Until the fourth" means the fourth in the reader's time zone.
    with timezone.override(timezones.for_reader(request)):
        if not form.is_valid():
            return form
        ends = form.expires_at()
    data = form.cleaned_data
    try:
        share_links.share(
            thing,
            user_of(request),
            show_prompt=data["show_prompt"],
            allow_download=data["allow_download"],
            password=data["password"],
            expires_at=ends,
        )
    except publication.Hidden:
        form.add_error(None, _("A moderator hid this; it cannot be shared."))
    except permissions.Suspended as refused:
        form.add_error(None, refused.message)
    except share_links.TooManyLinks:
        most = {"most": share_links.MAX_OPEN_LINKS}
        form.add_error(None, _("There are %(most)d open links to this. Withdraw one first.") % most)
    else:
        messages.success(request, _("The link is ready. Copy it below."))
        return None
    return form


def withdraw_link(request: HttpRequest, links: QuerySet[ShareLink], link_id: int) -> None:
    """Withdraw one of these links and show a message; 404 where it isn't among them."""
    # The database rejects a number larger than any id.
    link = access.or_404(links.filter(pk=link_id).first() if link_id < _LARGEST else None)
    if share_links.withdraw(link):
        messages.success(
            request,
            _("Withdrawn. The link and its pictures no longer open. Sharing again makes a new link."),
        )


def for_account(account: Account) -> ShareLinkQuerySet:
    """All links to an account's items and collections, expired and withdrawn ones included."""
    found = ShareLink.objects.filter(Q(item__account=account) | Q(collection__account=account))
    if account.kind == Account.Kind.ORGANIZATION:
        # Their creators may act for another account now, or have left.
        return found
    # By creator, which is indexed: nobody else can create links to a personal account's content.
    return found.filter(created_by__in=User.objects.filter(memberships__account=account))


@require_safe
@member_required
def links(request: HttpRequest) -> HttpResponse:
    """All links of the account, newest first; open ones, closed ones or all."""
    rows = for_account(account_of(request))
    show = request.GET.get("show", "")
    if show not in ("over", "all"):
        rows, show = rows.open(), ""
    elif show == "over":
        rows = rows.filter(Q(withdrawn_at__isnull=False) | Q(expires_at__lte=Now()))
    rows = rows.select_related(
        "item__output__small", "item__output__medium", "item__output__file", "collection"
    )
    found = pagination.page_or_newest(rows, "created_at", PAGE, request.GET.get("after", ""))
    query = {"show": show} if show else {}
    context: dict[str, Any] = {
        "links": found.rows,
        "show": show,
        "first": "after" not in request.GET,
        "base_url": base_url(request),
        "older": f"{reverse('share_links')}?{urlencode({**query, 'after': found.next})}"
        if found.next
        else "",
    }
    part = request.headers.get("HX-Request") == "true" and "after" in request.GET
    return page(request, "shares/_links.html" if part else "shares/links.html", context)


@require_POST
@member_required
def withdraw_any(request: HttpRequest, link_id: int) -> HttpResponse:
    """End one of the account's links for good."""
    withdraw_link(request, for_account(account_of(request)), link_id)
    return HttpResponseRedirect(safe_next(request, reverse("share_links")))
