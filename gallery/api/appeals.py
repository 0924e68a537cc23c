"""`/api/decisions` and `/api/appeals`: moderation decisions about the caller, and appeals against them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.models import Account, Sanction
from accounts.tokens import token_scopes
from core.api import examples, list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text
from gallery.api import item_serializers
from gallery.items import access
from gallery.models import Case
from gallery.moderation import appeals

STATES = ("none", "waiting", "granted", "refused", "closed")
_DECISION = {
    "id": 1482,
    "decision": "hide",
    "item": item_serializers.ITEM,
    "comment": None,
    "collection": None,
    "about": "an orange cat, studio photograph",
    "reason": "copied work",
    "decided_at": "2026-11-20T13:00:00Z",
    "appeal": "none",
}
_APPEAL = {
    "id": 1490,
    "decision": 1482,
    "sanction": None,
    "words": "I painted it myself; the sketches are in my library.",
    "state": "waiting",
    "answer": "",
    "created_at": "2026-11-20T14:00:00Z",
}


class DecisionSerializer(serializers.Serializer[Any]):
    """What a moderator decided about something of one's own."""

    id = serializers.IntegerField(help_text="For `decision` of an appeal.")
    decision = serializers.ChoiceField([(one.value, one.label) for one in appeals.APPEALABLE])
    item = serializers.CharField(allow_null=True, help_text="Null where it is of something else, or is gone.")
    comment = serializers.IntegerField(allow_null=True)
    collection = serializers.CharField(allow_null=True)
    about = serializers.CharField(allow_blank=True, help_text="What it was called.")
    reason = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField()
    appeal = serializers.ChoiceField(STATES, help_text="What became of your appeal.")


class AppealSerializer(serializers.Serializer[Any]):
    """An appeal of one's own."""

    id = serializers.IntegerField()
    decision = serializers.IntegerField(allow_null=True)
    sanction = serializers.IntegerField(
        allow_null=True, help_text="Where it is against a warning, a mute or a ban."
    )
    words = serializers.CharField()
    state = serializers.ChoiceField(STATES[1:])
    answer = serializers.CharField(allow_blank=True, help_text="Why it was turned down.")
    created_at = serializers.DateTimeField()


class NewAppealSerializer(serializers.Serializer[Any]):
    """Against one decision or one sanction."""

    decision = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="The id of a decision."
    )
    sanction = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="The id of a sanction."
    )
    words = Text(min_length=1, max_length=appeals.MAX_LENGTH, help_text="Why it was wrong.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if ("decision" in attrs) == ("sanction" in attrs):
            # Each alone is valid, which the schema cannot express as "exactly one"; hence 409 rather than
            # 400.
            message = "Name a decision or a sanction, one of the two."
            raise Denied(409, "One of the two", message, {"decision": [message]})
        return attrs


class DecisionsView(OwnApiView):
    """Decisions about one's own things."""

    @extend_schema(
        operation_id="decisions_list",
        summary="What moderators decided about your things",
        parameters=[Listed],
        responses={200: list_pages.page_of("DecisionPage", DecisionSerializer), 400: ProblemSerializer},
        examples=[examples.page_example(_DECISION)],
    )
    def get(self, request: Request) -> Response:
        """Pictures, comments and collections that were hidden, removed or not published, the last decision first. A
        token of an organisation sees what is about the organisation's things.
        """
        query = list_pages.page_query(Listed, request)
        rows = _seen_by(self, appeals.decisions(self.user)).prefetch_related("appeals")
        return list_pages.list_response(request, rows, query, _decision)


class AppealsView(OwnApiView):
    """One's own appeals."""

    scopes: ClassVar = {"POST": token_scopes.GALLERY}

    @extend_schema(
        operation_id="appeals_list",
        summary="Your appeals",
        parameters=[Listed],
        responses={200: list_pages.page_of("AppealPage", AppealSerializer), 400: ProblemSerializer},
        examples=[examples.page_example(_APPEAL)],
    )
    def get(self, request: Request) -> Response:
        """Appeals that you made against decisions of moderators, the last one first, and what became of each. A token
        of an organisation sees those about the organisation's things.
        """
        query = list_pages.page_query(Listed, request)
        rows = _seen_by(self, Case.objects.filter(user=self.user, kind=Case.Kind.APPEAL))
        return list_pages.list_response(request, rows, query, _appeal)

    @extend_schema(
        operation_id="appeals_create",
        summary="Appeal against a decision",
        request=NewAppealSerializer,
        responses={
            201: AppealSerializer, 404: ProblemSerializer, 409: ProblemSerializer,
        },
        examples=[examples.request_example({"decision": 1482, "words": _APPEAL["words"]}),
            examples.response_example(_APPEAL, 201)],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Say once why a decision about you was wrong; a moderator looks again, another one where there is one."""
        serializer = NewAppealSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        try:
            appeal = self._create_appeal(data)
        except appeals.AlreadyAppealed:
            raise Denied(409, "Conflict", "You appealed against it before; once is what there is.") from None
        except (appeals.NotAppealable, appeals.EmptyAppeal) as refused:
            message = (
                "Say why it was wrong."
                if isinstance(refused, appeals.EmptyAppeal)
                else "It no longer counts."
            )
            raise Denied(409, "Conflict", message) from None
        return Response(_appeal(appeal), status=status.HTTP_201_CREATED)

    def _create_appeal(self, data: dict[str, Any]) -> Case:
        if "decision" in data:
            decision = appeals.decisions(self.user).filter(pk=data["decision"])
            case = access.or_404(_seen_by(self, decision).first())
            return appeals.create(case, self.user, data["words"])
        # A sanction concerns the member, whichever account they act for.
        is_personal = self.token is None or self.account.kind == Account.Kind.USER
        rows = Sanction.objects.filter(user=self.user, pk=data["sanction"])
        row = access.or_404(rows.first() if is_personal else None)
        return appeals.create_against_sanction(row, self.user, data["words"])


def _seen_by(view: OwnApiView, rows: QuerySet[Case]) -> QuerySet[Case]:
    """Limit cases to what the caller may see: a token of an organisation, which several members may hold, sees
    only cases about the organisation's things."""
    if view.token is None or view.account.kind == Account.Kind.USER:
        return rows
    return rows.filter(account=view.account, sanction=None)


def _decision(case: Case) -> dict[str, Any]:
    case_appeals = list(case.appeals.all())
    return {
        "id": case.pk,
        "decision": case.decision,
        "item": case.item.public_id if case.item else None,
        "comment": case.comment_id,
        "collection": case.collection.public_id if case.collection else None,
        "about": case.about,
        "reason": case.told,
        "decided_at": case.decided_at,
        "appeal": appeals.state(case_appeals[0] if case_appeals else None),
    }


def _appeal(case: Case) -> dict[str, Any]:
    return {
        "id": case.pk,
        "decision": case.parent_id,
        "sanction": case.sanction_id,
        "words": case.words,
        "state": appeals.state(case),
        "answer": case.told,
        "created_at": case.opened_at,
    }
