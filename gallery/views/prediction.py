"""The page behind `urls.web` of a prediction: leads on to where it can be looked at."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import Account
from gallery import access
from gallery.models import Item
from predictions.models import Prediction


def _own(public_id: str, account: Account) -> Prediction | None:
    mine = Prediction.objects.filter(public_id=public_id, account=account)
    return mine.only("public_id", "status").first()


def _own_address(prediction: Prediction, item: Item | None) -> str:
    """The picture, or what became of its webhooks, or the studio."""
    if item is not None:
        return reverse("library_item", args=[item.public_id])
    if prediction.is_ended and prediction.deliveries.exists():
        return f"{reverse('account_webhooks')}?prediction={prediction.public_id}"
    return reverse("studio")


@require_safe
def prediction(request: HttpRequest, public_id: str) -> HttpResponse:
    """Its owner comes to the item, else to the log of its webhooks or the studio; others to a published item."""
    items = Item.objects.filter(output__prediction__public_id=public_id).order_by("output__index")
    account = access.account_of(request.user)
    own = _own(public_id, account) if account else None
    if own:
        return HttpResponseRedirect(_own_address(own, items.filter(trashed_at__isnull=True).first()))
    published = items.public().first()
    if published is None:
        if account is None:
            return HttpResponseRedirect(f"{reverse('account_login')}?next={request.path}")
        raise Http404
    return HttpResponseRedirect(reverse("gallery_item", args=[published.public_id]))
