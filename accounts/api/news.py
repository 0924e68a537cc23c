"""`/api/announcements`: announcements to everybody and maintenance mode, without authentication."""

from __future__ import annotations

from typing import Any

from django.utils import translation
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OpenView
from accounts.models import Announcement
from accounts.site import announcement_cache, maintenance_mode, site_rules
from core.api import examples


class AnnouncementSerializer(serializers.Serializer[Announcement]):
    """One line, in both languages."""

    id = serializers.IntegerField()
    text_en = serializers.CharField()
    text_zh = serializers.CharField()
    link = serializers.CharField(
        help_text="A path of this server or an https address; may be empty.", allow_blank=True
    )
    tone = serializers.ChoiceField(Announcement.Tone.choices)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class MaintenanceSerializer(serializers.Serializer[Any]):
    """Whether new work is refused for a while, and what is said of it."""

    on = serializers.BooleanField()
    text_en = serializers.CharField(
        allow_blank=True, help_text="The operator's words, or the house's own; empty while it is off."
    )
    text_zh = serializers.CharField(allow_blank=True, help_text="The same in Chinese.")
    until = serializers.DateTimeField(allow_null=True)


class NewsSerializer(serializers.Serializer[Any]):
    """What is to be shown on top of every page."""

    maintenance = MaintenanceSerializer()
    announcements = AnnouncementSerializer(many=True)


class AnnouncementsView(OpenView):
    """What the operator says to everybody."""

    @extend_schema(
        operation_id="announcements",
        summary="What is announced now",
        responses={200: NewsSerializer},
        examples=[
            OpenApiExample(
                "shown now",
                response_only=True,
                value={
                    "maintenance": {"on": False, "text_en": "", "text_zh": "", "until": None},
                    "announcements": [
                        {
                            "id": 3, "text_en": "Two new models today.", "text_zh": "今天上线两个新模型。",
                            "link": "/studio/", "tone": "news", "starts_at": examples.MOMENT, "ends_at": None,
                        }
                    ],
                },
            )
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Announcements for everybody, newest first, and maintenance while it lasts. No token is needed.

        What is announced to members or to staff alone stands on the pages only.
        """
        rules = site_rules.current()
        maintenance = {
            "on": rules.maintenance,
            "text_en": _operator_message("en") if rules.maintenance else "",
            "text_zh": _operator_message("zh-hans") if rules.maintenance else "",
            "until": rules.maintenance_until if rules.maintenance else None,
        }
        announcements = announcement_cache.visible_to(None)
        return Response(NewsSerializer({"maintenance": maintenance, "announcements": announcements}).data)


def _operator_message(language: str) -> str:
    with translation.override(language):
        return maintenance_mode.operator_message()
