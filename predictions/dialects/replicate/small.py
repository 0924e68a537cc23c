"""The small endpoints: search, readme, examples, hardware, collections, and what this server does not have."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse

from accounts.json_body import MalformedBody
from predictions.dialects.common.bodies import parse_json
from predictions.dialects.replicate import errors, models, paging
from predictions.dialects.replicate.addresses import addresses_of
from predictions.dialects.replicate.endpoint import TokenRequest
from predictions.dialects.replicate.views import answer
from predictions.models import HostedModel, Prediction

MAX_QUERY = 500


def query_models(request: TokenRequest) -> HttpResponse:
    """QUERY /models: the body is the query, bare (one client) or as a JSON string (two others)."""
    rows = matching(_query(request)).order_by()
    return answer(paging.page(request, rows, addresses_of(request), models.renderer(request)))


def search(request: TokenRequest) -> HttpResponse:
    """GET /search?query=&limit=: models and collections that match."""
    words, text = request.GET.get("query"), request.GET.get("limit", "20")
    if not words:
        raise errors.bad_request("query is missing.")
    if len(words) > MAX_QUERY:
        raise errors.bad_request(f"query is longer than {MAX_QUERY} characters.")
    if not (text.isascii() and text.isdigit() and len(text) < 3 and 1 <= int(text) <= 50):
        raise errors.bad_request("limit is a whole number from 1 to 50.")
    render = models.renderer(request)
    found = [{"model": render(row), "metadata": {"score": 1.0}} for row in matching(words)[: int(text)]]
    folded = words.casefold()
    fitting = [one for one in _collections() if folded in f"{one['name']} {one['description']}".casefold()]
    return answer({"query": words, "models": found, "collections": fitting, "pages": []})


def matching(words: str) -> QuerySet[HostedModel]:
    """Enabled models whose owner, name or description holds every word; all where there is none."""
    rows = models.shown()
    for word in words[:MAX_QUERY].replace("\x00", "").split()[:10]:
        one = Q(owner__icontains=word) | Q(name__icontains=word) | Q(description__icontains=word)
        owner, _slash, name = word.partition("/")
        rows = rows.filter(one | Q(owner__iexact=owner, name__iexact=name))
    return rows


def _query(request: TokenRequest) -> str:
    try:
        value: Any = parse_json(request)
    except MalformedBody:
        value = None
    return value if isinstance(value, str) else request.body.decode("utf-8", "replace")


def readme(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /models/{owner}/{name}/readme as Markdown."""
    model = models.find(owner, name)
    if not model.description:
        raise Http404
    return HttpResponse(f"# {model.ref}\n\n{model.description}\n", content_type="text/plain; charset=utf-8")


def examples(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /models/{owner}/{name}/examples: none are kept here yet."""
    models.find(owner, name)
    return nothing_listed(request)


def hardware(request: TokenRequest) -> HttpResponse:
    """GET /hardware: a bare array."""
    return answer([{"sku": "cpu", "name": "CPU"}])


def collections(request: TokenRequest) -> HttpResponse:
    """GET /collections: one for each kind of model."""
    return answer({**_empty(), "results": _collections()})


def collection(request: TokenRequest, slug: str) -> HttpResponse:
    """GET /collections/{slug} with its models."""
    found = next((one for one in _collections() if one["slug"] == slug), None)
    if found is None:
        raise Http404
    render = models.renderer(request)
    return answer({**found, "models": [render(row) for row in models.shown().filter(kind=slug)]})


def nothing_listed(request: TokenRequest) -> HttpResponse:
    """An empty page, so that nothing breaks for a client that lists what is not offered here."""
    return answer(paging.page(request, Prediction.objects.none(), addresses_of(request), lambda row: {}))


def not_here(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """404 for a thing of a kind that is not offered here."""
    raise Http404


def no_trainings(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """422, not 501 (clients repeat on 5xx) and not 404 (that reads as an unknown version)."""
    raise errors.Problem(
        422, "Trainings are not supported", "This server runs models; it does not train them."
    )


def operators_only(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """403: the catalogue belongs to operators."""
    raise errors.forbidden("The catalogue of this server is kept by its operators.")


def _collections() -> list[dict[str, Any]]:
    kinds = dict.fromkeys(models.shown().values_list("kind", flat=True))
    labels = {choice.value: str(choice.label) for choice in HostedModel.Kind}
    return [
        {
            "slug": kind,
            "name": labels[kind].capitalize(),
            "description": f"Models for {labels[kind]}.",
            "full_description": None,
        }
        for kind in labels
        if kind in kinds
    ]


def _empty() -> dict[str, Any]:
    return {"next": None, "previous": None, "results": []}
