"""Publish and unpublish an own item; and the redirect from a prediction's id to its item."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import member_required, user_of
from accounts.models import Account
from gallery import permissions
from gallery.items import access, publication
from gallery.items.forms import PublishForm
from gallery.library.views import item_page, redirect_to_item
from gallery.models import Item
from predictions.models import Prediction


@require_POST
@member_required
def publish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Publish an own item, publicly or unlisted, with the form's title, tags and options."""
    item = access.owned(request.user, public_id)
    form = PublishForm(request.POST)
    if not form.is_valid():
        return item_page(request, item, status=422, publish_form=form)
    try:
        opened = publication.publish(item, **form.cleaned_data, by=user_of(request))
    except publication.Refused:
        messages.error(request, _("A moderator did not let this picture be published. You may appeal."))
    except publication.Hidden:
        messages.error(request, _("A moderator hid this picture; it cannot be published."))
    except permissions.Suspended as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _confirmation(form.cleaned_data) if opened else WAITING_FOR_REVIEW)
    return redirect_to_item(item)


WAITING_FOR_REVIEW = gettext_lazy(
    "A moderator looks at it first. Then it is public just as you wished, and you are told."
)


def _confirmation(data: dict[str, Any]) -> str:
    if data["visibility"] == Item.Visibility.UNLISTED:
        return _("Open to whoever has its address; no list shows it.")
    if data["show_prompt"]:
        return _("Public now, with its prompt.")
    return _("Public now. Your prompt stays hidden.")


@require_POST
@member_required
def unpublish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make it private again, at once."""
    item = access.owned(request.user, public_id)
    publication.unpublish(item)
    messages.success(request, _("Private again. Its public page and pictures no longer open."))
    return redirect_to_item(item)


def _own_prediction(public_id: str, account: Account) -> Prediction | None:
    rows = Prediction.objects.filter(public_id=public_id, account=account)
    return rows.only("public_id", "status").first()


def _own_url(prediction: Prediction, item: Item | None) -> str:
    """The item's page, else the log of the prediction's webhooks, else the studio."""
    if item is not None:
        return reverse("library_item", args=[item.public_id])
    if prediction.is_ended and prediction.deliveries.exists():
        return f"{reverse('account_webhooks')}?prediction={prediction.public_id}"
    return reverse("studio")


@require_safe
def prediction_redirect(request: HttpRequest, public_id: str) -> HttpResponse:
    """Redirect the owner to the item, to the webhook log or to the studio; anybody else to a published item."""
    items = Item.objects.filter(output__prediction__public_id=public_id).order_by("output__index")
    account = access.account_of(request.user)
    own = _own_prediction(public_id, account) if account else None
    if own:
        return HttpResponseRedirect(_own_url(own, items.filter(trashed_at__isnull=True).first()))
    published = items.public().first()
    if published is None:
        if account is None:
            return HttpResponseRedirect(f"{reverse('account_login')}?next={request.path}")
        raise Http404
    return HttpResponseRedirect(reverse("gallery_item", args=[published.public_id]))
