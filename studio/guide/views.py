"""Pages of the guide, as HTML and as Markdown for programs; its search; and `llms.txt`."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
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
_DOCUMENTS = {"Darkroom": "/api/schema", "Replicate": "/v1/openapi.json", "OpenAI": "/openai/v1/openapi.json"}


@require_safe
def guide(request: HttpRequest, name: str = "index", as_markdown: bool = False) -> HttpResponse:
    """A page."""
    if name not in NAMES:
        raise Http404
    reader = _reader(request)
    if as_markdown:
        return _text(documents.text(name, reader), "text/markdown")
    place = NAMES.index(name)
    context = {
        "rendered": documents.html(name, reader),
        "models": model_reference.all_models() if name == "models" else [],
        "before": _link(NAMES[place - 1], reader) if place else None,
        "after": _link(NAMES[place + 1], reader) if NAMES[place + 1 :] else None,
        "markdown": f"/docs/{name}.md",
    }
    return _page(request, "guide/page.html", reader, name, context)


@require_safe
def model(request: HttpRequest, owner: str, name: str, as_markdown: bool = False) -> HttpResponse:
    """The page of a model: price, inputs, and an example that runs."""
    found = model_reference.find(f"{owner}/{name}")
    if found is None:
        raise Http404
    reader = _reader(request, found)
    if as_markdown:
        return _text(documents.text(documents.MODEL, reader), "text/markdown")
    context = {
        "rendered": documents.html(documents.MODEL, reader),
        "sample": found.sample,
        "before": _link("models", reader),
        "markdown": f"/docs/models/{found}.md",
        "studio": f"/studio/?model={found}",
    }
    return _page(request, "guide/page.html", reader, "models", context)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Results for `?q=`: a fragment for the search box, or a page without scripts."""
    reader = _reader(request)
    query = request.GET.get("q", "").replace("\x00", "")[:MOST_QUERY].strip()
    context = {"query": query, "found": documents.search(query, reader)}
    if request.headers.get("HX-Request") == "true":
        return page(request, "guide/_found.html", context)
    return _page(request, "guide/search.html", reader, "search", context)


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """The table of contents for language models: every page as Markdown, with a sentence on each."""
    reader = _reader(request)
    query = "" if reader.language == "en" else f"?lang={reader.language}"
    lines = ["# Darkroom", "", f"> {documents.html('index', reader).lead}"]

    def line(path: str, name: str, sentence: str) -> str:
        return f"- [{name}]({reader.origin}/docs/{path}.md{query}): {sentence}"

    with translation.override(reader.language):
        for heading, names in documents.GROUPS:
            pages = [(name, documents.html(name, reader)) for name in names]
            lines += ["", f"## {heading}", "", *(line(name, one.title, one.lead) for name, one in pages)]
    lines += ["", f"## {documents.title('models', reader.language)}", ""]
    lines += [line(f"models/{one}", str(one), one.hosted.description) for one in model_reference.all_models()]
    lines += ["", "## OpenAPI", ""]
    lines += [f"- [{name}]({reader.origin}{path})" for name, path in _DOCUMENTS.items()]
    return _text("\n".join(lines) + "\n", "text/plain")


def _text(text: str, kind: str) -> HttpResponse:
    response = HttpResponse(text, content_type=f"{kind}; charset=utf-8")
    response["Cache-Control"] = "private, no-cache"
    return response


def _page(
    request: HttpRequest, template: str, reader: Reader, name: str, context: dict[str, Any]
) -> HttpResponse:
    groups = [
        {"name": heading, "links": [_link(name, reader) for name in names]}
        for heading, names in documents.GROUPS
    ]
    return page(request, template, {**context, "groups": groups, "here": documents.address(name)})


def _link(name: str, reader: Reader) -> dict[str, str]:
    return {"address": documents.address(name), "title": documents.title(name, reader.language)}


def _reader(request: HttpRequest, model: model_reference.Model | None = None) -> Reader:
    """The reader: language (of the request, or `?lang=`), and the model of their samples."""
    asked = (request.GET.get("lang"), get_language())
    language = next((one for one in asked if one in documents.LANGUAGES), "en")
    return Reader(base_url(request), str(language), model or _last_used(request) or model_reference.default())


def _last_used(request: HttpRequest) -> model_reference.Model | None:
    """The text-to-image model of the signed-in member's newest prediction, if it is still available."""
    if not isinstance(request.user, User) or request.user.account is None:
        return None
    newest = Prediction.objects.owned_by(request.user.account).order_by("-id").select_related("model").first()
    if newest is None or newest.model.kind != HostedModel.Kind.TEXT_TO_IMAGE:
        return None
    return model_reference.find(newest.model.ref)
