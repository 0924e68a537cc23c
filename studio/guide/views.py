"""Pages of the guide, as HTML and as Markdown for programs; its search; and `llms.txt`."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.models import User
from core.http.pages import base_url, page
from predictions.models import HostedModel, Prediction
from studio.guide import documents, model_reference
from studio.guide.documents import NAMES
from studio.guide.live_values import Reader

MOST_QUERY = 100
"""Characters of a search query that are used."""


@require_safe
def guide(request: HttpRequest, name: str = "index", as_markdown: bool = False) -> HttpResponse:
    """A page."""
    if name not in NAMES:
        raise Http404
    place, reader = NAMES.index(name), _reader(request)
    context: dict[str, Any] = {
        "here": name,
        "models": model_reference.all_models() if name == "models" else [],
        "before": _link(NAMES[place - 1], reader) if place else None,
        "after": _link(NAMES[place + 1], reader) if NAMES[place + 1 :] else None,
        "markdown": f"/docs/{name}.md",
    }
    return _document(request, name, reader, as_markdown, context)


@require_safe
def model(request: HttpRequest, owner: str, name: str, as_markdown: bool = False) -> HttpResponse:
    """The page of a model: price, inputs, and an example that runs."""
    found = model_reference.find(f"{owner}/{name}")
    if found is None:
        raise Http404
    reader = _reader(request, found)
    context: dict[str, Any] = {
        "here": "models",
        "sample": found.sample,
        "before": _link("models", reader),
        "markdown": f"/docs/models/{found}.md",
        "studio": f"/studio/?model={found}",
    }
    return _document(request, documents.MODEL, reader, as_markdown, context)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Results for `?q=`: a fragment for the search box, or a page without scripts."""
    reader = _reader(request)
    query = request.GET.get("q", "").replace("\x00", "")[:MOST_QUERY].strip()
    context = {"query": query, "found": documents.search(query, reader)}
    if request.headers.get("HX-Request") == "true":
        return page(request, "guide/_found.html", context)
    return page(request, "guide/search.html", {**context, "groups": _groups(reader)})


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """The table of contents for language models: every page as Markdown, with a sentence on each."""
    reader = _reader(request)
    context = {
        "groups": [
            (heading, [(name, documents.html(name, reader)) for name in names])
            for heading, names in documents.GROUPS
        ],
        "models_title": documents.title("models", reader.language),
        "models": model_reference.all_models(),
        "origin": reader.origin,
        "query": "" if reader.language == "en" else f"?lang={reader.language}",
    }
    with translation.override(reader.language):
        return _text(render_to_string("guide/llms.txt", context), "text/plain")


def _document(
    request: HttpRequest, name: str, reader: Reader, as_markdown: bool, context: dict[str, Any]
) -> HttpResponse:
    if as_markdown:
        return _text(documents.text(name, reader), "text/markdown")
    context |= {"rendered": documents.html(name, reader), "groups": _groups(reader)}
    return page(request, "guide/page.html", context)


def _text(text: str, kind: str) -> HttpResponse:
    headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "private, no-cache"}
    return HttpResponse(text, headers=headers)


def _groups(reader: Reader) -> list[tuple[str | Promise, list[dict[str, str]]]]:
    return [(heading, [_link(name, reader) for name in names]) for heading, names in documents.GROUPS]


def _link(name: str, reader: Reader) -> dict[str, str]:
    title = documents.title(name, reader.language)
    return {"name": name, "address": documents.address(name), "title": title}


def _reader(request: HttpRequest, model: model_reference.Reference | None = None) -> Reader:
    """The reader: language (of the request, or `?lang=`), and the model of their samples."""
    asked = (request.GET.get("lang"), get_language())
    language = next((one for one in asked if one in documents.LANGUAGES), "en")
    return Reader(base_url(request), str(language), model or _last_used(request) or model_reference.default())


def _last_used(request: HttpRequest) -> model_reference.Reference | None:
    """The text-to-image model of the signed-in member's newest prediction, if it is still available."""
    if not isinstance(request.user, User) or request.user.account is None:
        return None
    newest = Prediction.objects.owned_by(request.user.account).order_by("-id").select_related("model").first()
    if newest is None or newest.model.kind != HostedModel.Kind.TEXT_TO_IMAGE:
        return None
    return model_reference.find(newest.model.ref)
