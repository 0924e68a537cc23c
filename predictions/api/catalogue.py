"""`/api/models`: the catalogue with prices and inputs."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404
from django.templatetags.static import static
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from core import pagination
from core.api import examples, list_pages, serializer_fields
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import Listed, QueryFlag
from core.http.public_origin import origin_of
from predictions import availability
from predictions.api import example_values
from predictions.catalogue import lookup, samples
from predictions.models import HostedModel, Price, Version
from predictions.pricing import calculator
from predictions.submit import checks


class PriceSerializer(serializers.Serializer[Any]):
    """What it costs now, in micro-credits."""

    unit = serializers.ChoiceField(
        Price.Unit.values,
        help_text="`output`: for each file that comes; `run`: for the run; `second`: of work; `megapixel`: of outputs.",
    )
    amount = serializers.IntegerField(help_text="The price of one unit, before its rules.")
    least = serializers.IntegerField(help_text="A prediction that gave anything costs at least this.")
    most = serializers.IntegerField(
        allow_null=True, help_text="No prediction costs more; null: no such bound."
    )
    rules = serializers.ListField(
        child=serializers.DictField(),
        help_text="What values of inputs change, in order: `input`, a condition (`is`, `in`, `above`, `below`), and "
        "`factor`, `add` or `set`. A quote says what they come to.",
    )


class SampleSerializer(serializers.Serializer[Any]):
    """What the engine built into Darkroom makes of it; another service's results look different."""

    url = serializers.URLField(help_text="The result: a picture or a video.")
    poster_url = serializers.URLField(help_text="A still picture of it.")
    content_type = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    input = serializers.JSONField(help_text="What was asked; a file as its address.")
    licence = serializers.CharField()


class ModelRowSerializer(serializers.Serializer[Any]):
    """A model of the catalogue."""

    model = serializers.CharField(help_text="`owner/name`")
    description = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(HostedModel.Kind.choices)
    servable = serializers.BooleanField(help_text="Whether it can be served now; else a create is refused.")
    permitted = serializers.BooleanField(
        help_text="Whether the account's plan and the API token that asks have it; else a create is refused."
    )
    price = PriceSerializer(allow_null=True)
    version = serializers.CharField(allow_null=True, help_text="The id of its newest version.")
    sample = SampleSerializer(allow_null=True)
    created_at = serializers.DateTimeField()


class ModelSerializer(ModelRowSerializer):
    """A model with what its newest version takes and gives."""

    inputs = serializers.JSONField(help_text="JSON Schema of `input`; `x-order` is the order for a form.")
    output = serializers.JSONField(help_text="JSON Schema of `output`.")
    example = serializers.JSONField(help_text="An input to begin with.")


class ModelQuery(Listed):
    """Filters of the catalogue."""

    kind = serializers.ChoiceField(HostedModel.Kind.choices, default="", allow_blank=True)
    servable = QueryFlag(
        default=None, allow_null=True, help_text="Only those that can, or cannot, be served now."
    )


_ROW = {
    "model": example_values.MODEL,
    "description": "Fast pictures from words, in four steps.",
    "kind": "text-to-image",
    "servable": True,
    "permitted": True,
    "price": {"unit": "output", "amount": 300_000, "least": 0, "most": None, "rules": []},
    "version": example_values.VERSION,
    "sample": {
        "url": "https://darkroom.example/static/samples/lucataco--flux-schnell-lora.webp",
        "poster_url": "https://darkroom.example/static/samples/lucataco--flux-schnell-lora.webp",
        "content_type": "image/webp",
        "width": 1216,
        "height": 832,
        "input": {"prompt": "a sailboat on a mountain lake at sunset", "aspect_ratio": "3:2"},
        "licence": samples.LICENCE,
    },
    "created_at": "2026-01-01T08:00:00Z",
}
_INPUTS = {
    "type": "object",
    "title": "Input",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "title": "Prompt", "x-order": 0},
        "num_outputs": {
            "type": "integer", "title": "Num Outputs", "minimum": 1, "maximum": 4, "default": 1, "x-order": 1,
        },
    },
}  # fmt: skip


class ModelsView(OwnApiView):
    """The catalogue."""

    @extend_schema(
        operation_id="models_list",
        summary="Models with prices",
        parameters=[ModelQuery],
        responses={200: list_pages.page_of("ModelPage", ModelRowSerializer), 400: ProblemSerializer},
        examples=[examples.page_example(_ROW)],
    )
    def get(self, request: Request) -> Response:
        """The models in the operator's order, with what each costs and whether it can be served now."""
        query = list_pages.page_query(ModelQuery, request)
        models = HostedModel.objects.filter(enabled=True).order_by("position", "pk")
        if query["kind"]:
            models = models.filter(kind=query["kind"])
        if query["cursor"]:
            models = _after(models, query["cursor"])
        if query["servable"] is not None:
            models = _servable(models, query["servable"])
        page_rows = list(models[: query["limit"] + 1])
        more = len(page_rows) > query["limit"]
        page_rows = page_rows[: query["limit"]]
        cursor = f"{page_rows[-1].position}.{page_rows[-1].pk}" if more else ""
        return Response(
            {
                "results": [_row(model, self) for model in page_rows],
                "next": list_pages.next_url(request, cursor),
            }
        )


def _after(models: QuerySet[HostedModel], cursor: str) -> QuerySet[HostedModel]:
    try:
        position, number = pagination.two_numbers(cursor)
    except pagination.BadCursor:
        raise serializers.ValidationError({"cursor": [serializer_fields.BAD_CURSOR]}) from None
    return models.filter(Q(position__gt=position) | Q(position=position, pk__gt=number))


def _servable(models: QuerySet[HostedModel], wanted: bool) -> QuerySet[HostedModel]:
    """Models that can be served, or cannot: that needs a provider, an enabled version and a price."""
    refs = availability.served_refs()
    complete = models.filter(
        Exists(Version.objects.filter(model=OuterRef("pk"), enabled=True)),
        Exists(Price.objects.filter(model=OuterRef("pk"))),
    )
    served = [
        pk for pk, owner, name in complete.values_list("pk", "owner", "name") if f"{owner}/{name}" in refs
    ]
    return models.filter(pk__in=served) if wanted else models.exclude(pk__in=served)


class ModelView(OwnApiView):
    """One model."""

    @extend_schema(
        operation_id="models_get",
        summary="One model with its inputs",
        responses={200: ModelSerializer, 404: ProblemSerializer},
        examples=[
            examples.response_example(
                _ROW
                | {
                    "inputs": _INPUTS,
                    "output": {
                        "type": "array",
                        "items": {"type": "string", "format": "uri"},
                        "title": "Output",
                    },
                    "example": {"prompt": "a lighthouse in the fog"},
                }
            )
        ],
    )
    def get(self, request: Request, owner: str, name: str) -> Response:
        """The schemas from which a form can be made, of the version that `owner/name` alone means."""
        version = lookup.find_version(f"{owner}/{name}")
        if version is None:
            raise Http404
        schemas = {
            "inputs": version.input_schema,
            "output": version.output_schema,
            "example": version.example_input,
        }
        return Response(_row(version.model, self, version) | schemas)


def _sample(ref: str, request: Request) -> dict[str, Any] | None:
    sample = samples.for_model(ref)
    if sample is None:
        return None

    def address(path: str) -> str:
        return f"{origin_of(request._request)}{static(path)}"

    files = {name: address(path) for name, path in sample.input_files}
    return {
        "url": address(sample.output),
        "poster_url": address(sample.poster),
        "content_type": sample.content_type,
        "width": sample.width,
        "height": sample.height,
        "input": {**sample.input, **files},
        "licence": samples.LICENCE,
    }


def _priced(price: Price) -> dict[str, Any]:
    names = ("unit", "amount", "least", "most", "rules")
    return {name: getattr(price, name) for name in names}


def _permitted(view: OwnApiView, ref: str) -> bool:
    allowed = view.token.allowed_models if view.token is not None else []
    return (not allowed or ref in allowed) and checks.plan_refusal(view.account, ref) is None


def _row(model: HostedModel, view: OwnApiView, version: Version | None = None) -> dict[str, Any]:
    version = version or lookup.find_version(model.ref)
    try:
        price = calculator.current_price(model)
    except calculator.NoPrice:
        price = None
    return {
        "model": model.ref,
        "description": model.description,
        "kind": model.kind,
        "servable": price is not None and version is not None and availability.can_serve(model),
        "permitted": _permitted(view, model.ref),
        "price": _priced(price) if price else None,
        "version": version.pk if version else None,
        "sample": _sample(model.ref, view.request),
        "created_at": model.created_at,
    }
