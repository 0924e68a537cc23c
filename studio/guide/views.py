"""Pages of the guide, as HTML and as Markdown for programs; its search; and `llms.txt`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.models import User
from core.http.pages import base_url, page
from predictions.catalogue import lookup, samples
from predictions.models import HostedModel, Prediction, Version
from studio.guide import documents, model_reference, sources, table_of_contents
from studio.guide.placeholders import Reader

MOST_QUERY = 100
"""Characters of a search query that are used."""
_DOCUMENTS = {"Darkroom": "/api/schema", "Replicate": "/v1/openapi.json", "OpenAI": "/openai/v1/openapi.json"}


@require_safe
def guide(request: HttpRequest, slug: str = "") -> HttpResponse:
    """A page."""
    if slug not in table_of_contents.BY_SLUG:
        raise Http404
    reader = _reader(request)
    before, after = table_of_contents.neighbours(slug)
    context = {
        "rendered": documents.html(table_of_contents.BY_SLUG[slug].source, reader),
        "shelf": model_reference.cards() if slug == "models" else [],
        "before": _link(before, reader),
        "after": _link(after, reader),
        "markdown": "/docs/index.md" if not slug else f"/docs/{slug}.md",
    }
    return _page(request, "guide/page.html", reader, slug, context)


@require_safe
def model(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The page of a model: price, inputs, and an example that runs."""
    reader = _reader(request, _version(owner, name))
    context = {
        "rendered": documents.html(table_of_contents.MODEL_SOURCE, reader),
        "sample": samples.for_model(f"{owner}/{name}"),
        "markdown": f"/docs/models/{owner}/{name}.md",
        "before": _link(table_of_contents.BY_SLUG["models"], reader),
        "after": None,
        "studio": f"/studio/?model={owner}/{name}",
    }
    return _page(request, "guide/page.html", reader, "models", context)


@require_safe
def markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """A page as Markdown."""
    slug = "" if slug == "index" else slug
    if slug not in table_of_contents.BY_SLUG:
        raise Http404
    return _text(documents.text(table_of_contents.BY_SLUG[slug].source, _reader(request)), "text/markdown")


@require_safe
def model_markdown(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """The page of a model as Markdown."""
    reader = _reader(request, _version(owner, name))
    return _text(documents.text(table_of_contents.MODEL_SOURCE, reader), "text/markdown")


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Results for `?q=`: a fragment for the search box, or a page without scripts."""
    reader = _reader(request)
    query = request.GET.get("q", "").replace("\x00", "")[:MOST_QUERY].strip()
    context = {"query": query, "found": documents.search(query, reader)}
    if request.headers.get("HX-Request") == "true":
        return page(request, "guide/_found.html", context)
    return _page(request, "guide/search.html", reader, None, context)


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """The table of contents for language models: every page as Markdown, with a sentence on each."""
    reader = _reader(request)
    query = "" if reader.language == "en" else f"?lang={reader.language}"
    lines = ["# Darkroom", "", f"> {documents.html('index', reader).lead}"]
    with translation.override(reader.language):
        for group in table_of_contents.GROUPS:
            lines += ["", f"## {group.name}", ""]
            lines += [_line(entry, reader, query) for entry in group.entries]
    refs = HostedModel.objects.filter(enabled=True, versions__enabled=True).distinct()
    lines += ["", f"## {sources.title('models', reader.language)}", ""]
    lines += [
        f"- [{hosted_model.ref}]({reader.origin}/docs/models/{hosted_model.ref}.md{query}): {hosted_model.description}"
        for hosted_model in refs
    ]
    lines += ["", "## OpenAPI", ""]
    lines += [f"- [{name}]({reader.origin}{path})" for name, path in _DOCUMENTS.items()]
    return _text("\n".join(lines) + "\n", "text/plain")


def _line(entry: table_of_contents.Entry, reader: Reader, query: str) -> str:
    rendered = documents.html(entry.source, reader)
    return f"- [{rendered.title}]({reader.origin}/docs/{entry.source}.md{query}): {rendered.lead}"


def _text(text: str, kind: str) -> HttpResponse:
    response = HttpResponse(text, content_type=f"{kind}; charset=utf-8")
    response["Cache-Control"] = "private, no-cache"
    return response


def _page(
    request: HttpRequest, template: str, reader: Reader, slug: str | None, context: dict[str, Any]
) -> HttpResponse:
    groups = [
        {"name": group.name, "links": [_link(entry, reader) for entry in group.entries]}
        for group in table_of_contents.GROUPS
    ]
    return page(request, template, {**context, "groups": groups, "slug": slug})


def _link(entry: table_of_contents.Entry | None, reader: Reader) -> dict[str, str] | None:
    if entry is None:
        return None
    title = sources.title(entry.source, reader.language)
    return {"slug": entry.slug, "address": documents.address(entry.slug), "title": title}


def _reader(request: HttpRequest, version: Version | None = None) -> Reader:
    """The reader: language (of the request, or `?lang=`), and the model of their samples."""
    lang = request.GET.get("lang", "")
    language = lang if lang in sources.LANGUAGES else (get_language() or settings.LANGUAGE_CODE)
    if language not in sources.LANGUAGES:
        language = "en"
    return Reader(
        base_url(request), language, version or _last_used(request) or model_reference.default_version()
    )


def _last_used(request: HttpRequest) -> Version | None:
    """The text-to-image model of the signed-in member's newest prediction, if it is still available."""
    if not isinstance(request.user, User) or request.user.account is None:
        return None
    newest = Prediction.objects.owned_by(request.user.account).order_by("-id").select_related("model").first()
    if newest is None or newest.model.kind != HostedModel.Kind.TEXT_TO_IMAGE:
        return None
    return lookup.find_version(newest.model.ref)


def _version(owner: str, name: str) -> Version:
    found = lookup.find_version(f"{owner}/{name}")
    if found is None:
        raise Http404
    return found
