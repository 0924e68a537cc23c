"""The page behind `urls.web` of a prediction: leads on to where it can be looked at."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from gallery import access
from gallery.models import Item
from predictions.models import Prediction


@require_safe
def prediction(request: HttpRequest, public_id: str) -> HttpResponse:
    """Its owner comes to the item, or to the studio while there is none; everybody else to a published item."""
    items = Item.objects.filter(output__prediction__public_id=public_id).order_by("output__index")
    account = access.account_of(request.user)
    own = Prediction.objects.filter(public_id=public_id, account=account).exists() if account else False
    if own:
        item = items.first()
        address = reverse("library_item", args=[item.public_id]) if item else reverse("studio")
        return HttpResponseRedirect(address)
    published = items.public().first()
    if published is None:
        if account is None:
            return HttpResponseRedirect(f"{reverse('account_login')}?next={request.path}")
        raise Http404
    return HttpResponseRedirect(reverse("gallery_item", args=[published.public_id]))
