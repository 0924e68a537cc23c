"""Absolute URLs in responses, with the origin and the mount that the request came through."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from core.http.public_origin import origin_of
from predictions.models import Prediction


@dataclass(frozen=True)
class AbsoluteUrls:
    """Builds URLs under one origin (`https://host`) and one mount (`/v1`)."""

    origin: str
    mount: str

    def of(self, path: str) -> str:
        """A URL under the mount."""
        return f"{self.origin}{self.mount}{path}"

    def own(self, path: str) -> str:
        """A URL of this server outside the mounts."""
        return f"{self.origin}{path}"

    def prediction(self, prediction: Prediction) -> dict[str, str]:
        """The `urls` of a prediction; values are strings, never null."""
        get = self.of(f"/predictions/{prediction.public_id}")
        stream = "files/stream-" if prediction.version.gives_files else "streams/"
        return {
            "cancel": f"{get}/cancel",
            "get": get,
            "stream": self.own(f"/v1/{stream}{prediction.stream_token}"),
            "web": self.own(f"/p/{prediction.public_id}/"),
        }


def absolute_urls_for(request: HttpRequest) -> AbsoluteUrls:
    """The URL builder for the response to this request."""
    mount = "/replicate/v1" if request.path.startswith("/replicate/") else "/v1"
    return AbsoluteUrls(origin_of(request), mount)
