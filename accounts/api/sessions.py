"""`/api/sessions` and `/api/sign-ins`: a member's open sessions, and sign-ins and refused attempts."""

from __future__ import annotations

from typing import Any, cast

from allauth.usersessions.models import UserSession
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import PersonalView
from accounts.models import SignIn
from accounts.sessions import login_sessions
from core.api import list_pages
from core.api.problems import ProblemSerializer
from core.api.serializer_fields import Listed


class SessionSerializer(serializers.Serializer[login_sessions.OpenSession]):
    """One place where the caller is signed in."""

    id = serializers.IntegerField(source="pk")
    browser = serializers.CharField(help_text="What it seems to be, in words.")
    network = serializers.CharField(help_text="A network, never a whole address; empty: not known.")
    signed_in_at = serializers.DateTimeField(source="since")
    used_at = serializers.DateTimeField(source="seen", help_text="To about five minutes.")
    here = serializers.BooleanField(source="is_here", help_text="Whether this request comes from it.")


class SignInSerializer(serializers.ModelSerializer[SignIn]):
    """Somebody came in as the caller, or tried to."""

    class Meta:
        model = SignIn
        fields = ["id", "at", "succeeded", "how", "network", "browser"]


_SESSION_EXAMPLE = {
    "id": 31,
    "browser": "Firefox 128 · Linux",
    "network": "203.0.113.0/24",
    "signed_in_at": "2026-11-20T12:00:00.000000Z",
    "used_at": "2026-11-20T18:25:00.000000Z",
    "here": False,
}
_SIGN_IN_EXAMPLE = {
    "id": 902,
    "at": "2026-11-20T12:00:00.000000Z",
    "succeeded": True,
    "how": "passkey",
    "network": "203.0.113.0/24",
    "browser": "Firefox 128 · Linux",
}
_PROBLEMS = {401: ProblemSerializer, 403: ProblemSerializer}


class SessionsView(PersonalView):
    """Where the caller is signed in."""

    @extend_schema(
        operation_id="sessions_list",
        summary="Your sessions",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("SessionPage", SessionSerializer),
            400: ProblemSerializer,
            **_PROBLEMS,
        },
        examples=[
            OpenApiExample(
                "One",
                value={"results": [_SESSION_EXAMPLE], "next": None},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Every browser in which the caller is signed in, the newest first; API tokens are another list."""
        query = list_pages.page_query(Listed, request)
        sessions = {
            session.pk: session for session in login_sessions.open_sessions(request._request, self.user)
        }
        rows = UserSession.objects.filter(pk__in=sessions)
        return list_pages.list_response(
            request, rows, query, lambda row: SessionSerializer(sessions[row.pk]).data
        )

    @extend_schema(
        operation_id="sessions_end_others",
        summary="End all other sessions",
        responses={204: None, **_PROBLEMS},
    )
    def delete(self, request: Request) -> Response:
        """End every session but the one that asks; asked by a token, every one. Pages that are open in them end
        within seconds. Tokens go on until they are revoked.
        """
        if self.token is None:
            login_sessions.end_others(request._request, self.user)
        else:
            login_sessions.end_every(self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(PersonalView):
    """One session."""

    @extend_schema(
        operation_id="sessions_end",
        summary="End a session",
        responses={204: None, 404: ProblemSerializer, **_PROBLEMS},
    )
    def delete(self, request: Request, session_id: int) -> Response:
        """End one session of the caller, by its `id` in the list; their own too, which signs them out with it."""
        if not login_sessions.end_one(self.user, session_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignInsView(PersonalView):
    """Who came in, and who tried to."""

    @extend_schema(
        operation_id="sign_ins_list",
        summary="Your sign-ins",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("SignInPage", SignInSerializer),
            400: ProblemSerializer,
            **_PROBLEMS,
        },
        examples=[
            OpenApiExample(
                "Sign-ins",
                value={"results": [_SIGN_IN_EXAMPLE], "next": None},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Sign-ins of the last 90 days and tries that were refused, newest first, by network and never by address."""
        rows = SignIn.objects.filter(user=self.user)
        query = list_pages.page_query(Listed, request)
        return list_pages.list_response(
            request, rows, query, lambda row: cast(Any, SignInSerializer(row)).data
        )
