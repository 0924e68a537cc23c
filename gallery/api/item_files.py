"""Sends an item's picture to API clients.

Access is checked at every request, so withdrawing takes effect at once.
"""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse

from gallery.items import access, details
from gallery.models import Item
from gallery.provenance import file_response
from predictions.files import file_responses


def send(request: HttpRequest, item: Item, size: str, *, show_prompt: bool, public: bool) -> HttpResponse:
    """One size of the item's picture. `show_prompt`: whether the file name may reveal the prompt; `public`: whether
    any site may embed it."""
    file = access.file_of(item, cast(access.Size, size))
    name = details.download_name(item, file, show_prompt=show_prompt)
    if size == "full":
        response = file_response.send(request, item, filename=name, attachment=False, show_prompt=show_prompt)
    else:
        response = file_responses.send(request, file, filename=name, revalidate=True)
    response["Vary"] = "Authorization, Cookie"
    if not public:
        # Other origins get it as CORS settings allow, and only with a token.
        del response["Access-Control-Allow-Origin"]
        response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
