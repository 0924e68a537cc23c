"""The bytes of an item's picture for frontends, checked at each request: what is withdrawn is gone at once."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse

from gallery.items import access, details
from gallery.models import Item
from gallery.provenance import file_response
from predictions.files import media


def send(request: HttpRequest, item: Item, size: str, *, words: bool, public: bool) -> HttpResponse:
    """One size of the item. `words`: whether its file name may tell the prompt; `public`: any site may show it."""
    file = access.file_of(item, cast(access.Size, size))
    name = details.download_name(item, file, words=words)
    if size == "full":
        answer = file_response.send(request, item, filename=name, attachment=False, words=words)
    else:
        answer = media.send(request, file, filename=name, revalidate=True)
    answer["Vary"] = "Authorization, Cookie"
    if not public:
        # Other origins get it as the operator's settings say, and by a token only.
        del answer["Access-Control-Allow-Origin"]
        answer["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer
