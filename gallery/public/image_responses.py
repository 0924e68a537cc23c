"""Picture responses and Open Graph tags, shared by all pages that show published or shared items."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import content_disposition_header

from core.http.public_origin import trusted_origin
from gallery.items import access, details
from gallery.models import Item
from gallery.provenance import file_response
from predictions.files import file_responses
from predictions.models import StoredFile

CARD = (1200, 630)
"""Open Graph image for sensitive items: a card that says so, the same for all."""
CARD_FILE = "cards/sensitive.png"


def oembed_url(request: HttpRequest) -> str:
    """The oEmbed URL of this page, for other sites."""
    origin = trusted_origin(request)
    return f"{origin}{reverse('oembed')}?{urlencode({'url': origin + request.path})}"


def open_graph(request: HttpRequest, item: Item, picture_path: str) -> dict[str, object]:
    """Open Graph tags: the picture with its size, or the card for a sensitive item."""
    origin = trusted_origin(request)
    tags: dict[str, object] = {
        "og_url": origin + request.path,
        "oembed_url": oembed_url(request),
        "og_site": origin,
    }
    if item.sensitive:
        card = {"og_image": origin + static(CARD_FILE), "og_width": CARD[0], "og_height": CARD[1]}
        return tags | card | {"og_type": "image/png", "og_veiled": True}
    file = access.file_of(item, "medium")
    return tags | {
        "og_image": origin + picture_path,
        "og_width": file.width or item.width,
        "og_height": file.height or item.height,
        "og_type": file.content_type,
    }


def send_picture(request: HttpRequest, item: Item, size: str, *, show_prompt: bool) -> HttpResponse:
    """The bytes of an item in one size; the caller has checked access. `show_prompt`: whether this reader may have
    the prompt."""
    if size not in ("small", "medium", "full"):
        raise Http404
    file = access.file_of(item, cast(access.Size, size))
    attachment = "download" in request.GET
    name = details.download_name(item, file, show_prompt=show_prompt)
    # Browsers keep it but revalidate each time: unpublishing, withdrawing and hiding end it at once.
    if size == "full":
        response = file_response.send(
            request, item, filename=name, attachment=attachment, show_prompt=show_prompt
        )
    else:
        response = file_responses.send(request, file, filename=name, attachment=attachment, revalidate=True)
    response["Content-Disposition"] = content_disposition_header(attachment, name) or "inline"
    return _for_our_pages(response)


def send_thumbnail(request: HttpRequest, file: StoredFile) -> HttpResponse:
    """The bytes of a thumbnail that belongs to no item, revalidated each time."""
    return _for_our_pages(file_responses.send(request, file, filename="look", revalidate=True))


def _for_our_pages(response: HttpResponse) -> HttpResponse:
    response["Vary"] = "Cookie"
    # Unlike the API's files, only our own pages may embed these.
    del response["Access-Control-Allow-Origin"]
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
