"""Small endpoints: search, readme, examples, hardware, collections, account, webhook secret.

Also the answers for what is not supported here.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse

from accounts.models import Account
from accounts.organizations import roles
from accounts.tokens.token_scopes import NotPermitted
from core.http.json_body import MalformedBody
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.payloads import json_response, parse_json
from predictions.api_dialects.replicate import cursor_pages, error_responses, model_views
from predictions.api_dialects.replicate.absolute_urls import absolute_urls_for
from predictions.models import HostedModel, Prediction
from predictions.webhooks import signing_secrets

MAX_QUERY = 500


def query_models(request: TokenRequest) -> HttpResponse:
    """QUERY /models: the body is the query, as plain text (one client) or a JSON string (two others)."""
    rows = matching_models(_query(request)).order_by()
    return json_response(
        cursor_pages.page(request, rows, absolute_urls_for(request), model_views.renderer(request))
    )


def search(request: TokenRequest) -> HttpResponse:
    """GET /search?query=&limit=: matching models and collections."""
    query, limit = request.GET.get("query"), request.GET.get("limit", "20")
    if not query:
        raise error_responses.bad_request("query is missing.")
    if len(query) > MAX_QUERY:
        raise error_responses.bad_request(f"query is longer than {MAX_QUERY} characters.")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 3 and 1 <= int(limit) <= 50):
        raise error_responses.bad_request("limit is a whole number from 1 to 50.")
    render = model_views.renderer(request)
    models = [
        {"model": render(row), "metadata": {"score": 1.0}} for row in matching_models(query)[: int(limit)]
    ]
    folded = query.casefold()
    collections_ = [
        collection_
        for collection_ in _collections()
        if folded in f"{collection_['name']} {collection_['description']}".casefold()
    ]
    return json_response({"query": query, "models": models, "collections": collections_, "pages": []})


def matching_models(words: str) -> QuerySet[HostedModel]:
    """Enabled models whose owner, name or description contains every word; all models where there is no word."""
    rows = model_views.visible_models()
    for word in words[:MAX_QUERY].replace("\x00", "").split()[:10]:
        in_any_field = Q(owner__icontains=word) | Q(name__icontains=word) | Q(description__icontains=word)
        owner, _slash, name = word.partition("/")
        rows = rows.filter(in_any_field | Q(owner__iexact=owner, name__iexact=name))
    return rows


def _query(request: TokenRequest) -> str:
    try:
        value: Any = parse_json(request)
    except MalformedBody:
        value = None
    return value if isinstance(value, str) else request.body.decode("utf-8", "replace")


def readme(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /models/{owner}/{name}/readme as Markdown."""
    model = model_views.get_or_404(owner, name)
    if not model.description:
        raise Http404
    return HttpResponse(f"# {model.ref}\n\n{model.description}\n", content_type="text/plain; charset=utf-8")


def examples(request: TokenRequest, owner: str, name: str) -> HttpResponse:
    """GET /models/{owner}/{name}/examples: always empty."""
    model_views.get_or_404(owner, name)
    return empty_page(request)


def hardware(request: TokenRequest) -> HttpResponse:
    """GET /hardware: a bare array."""
    return json_response([{"sku": "cpu", "name": "CPU"}])


def collections(request: TokenRequest) -> HttpResponse:
    """GET /collections: one for each kind of model."""
    return json_response({**_empty(), "results": _collections()})


def collection(request: TokenRequest, slug: str) -> HttpResponse:
    """GET /collections/{slug} with its models."""
    collection_ = next((candidate for candidate in _collections() if candidate["slug"] == slug), None)
    if collection_ is None:
        raise Http404
    render = model_views.renderer(request)
    return json_response(
        {**collection_, "models": [render(row) for row in model_views.visible_models().filter(kind=slug)]}
    )


def empty_page(request: TokenRequest) -> HttpResponse:
    """An empty page, so that clients can list what is not offered here."""
    return json_response(
        cursor_pages.page(request, Prediction.objects.none(), absolute_urls_for(request), lambda row: {})
    )


def always_missing(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """404 for an object of a kind that is not offered here."""
    raise Http404


def no_trainings(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """422, not 501 (clients retry on 5xx) and not 404 (that reads as an unknown version)."""
    raise error_responses.Problem(
        422, "Trainings are not supported", "This server runs models; it does not train them."
    )


def operators_only(request: TokenRequest, *args: str, **kwargs: str) -> HttpResponse:
    """403: only operators change the catalogue."""
    raise error_responses.forbidden("The catalogue of this server is kept by its operators.")


def _collections() -> list[dict[str, Any]]:
    kinds = dict.fromkeys(model_views.visible_models().values_list("kind", flat=True))
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


def get_webhook_secret(request: TokenRequest) -> HttpResponse:
    """GET /webhooks/default/secret: one for each account, stable. An organisation's is for its owners."""
    token = request.api_token
    try:
        roles.require(token.user, token.account, roles.MANAGING)
    except roles.NotYourRole as refused:
        raise NotPermitted(str(refused)) from None
    return json_response({"key": signing_secrets.get_or_create(token.account)})


def get_account(request: TokenRequest) -> HttpResponse:
    """GET /account. An organisation has a name but no username: there it is that of the token's user."""
    token = request.api_token
    shared = token.account.kind == Account.Kind.ORGANIZATION
    return json_response(
        {
            "type": token.account.kind,
            "username": token.user.username,
            "name": token.account.name if shared else token.user.shown_name,
            "github_url": None,
            "avatar_url": absolute_urls_for(request).own("/static/img/mark.svg"),
        }
    )
