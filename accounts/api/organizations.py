"""`/api/organizations`: organisations, their members and invitations."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base_views import OwnApiView
from accounts.credits import LARGEST
from accounts.models import Account, Membership, OrganizationInvitation
from accounts.organizations import join_invitations, management, roles, visible_funds
from accounts.tokens import token_scopes
from core.api import list_pages
from core.api.problems import Denied, ProblemSerializer
from core.api.serializer_fields import Listed, Text

MAX_ID = 2**63 - 1
"""The largest possible primary key; SQLite refuses to compare a larger number."""
_ROLES = Membership.Role.choices


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organisation that the caller acts for."""

    id = serializers.IntegerField(source="account_id")
    name = serializers.CharField(source="account.name")
    role = serializers.ChoiceField(_ROLES, help_text="The caller's own role.")
    balance = serializers.SerializerMethodField(
        help_text="Micro-credits; null for plain members, who do not see its money."
    )
    month_left = serializers.SerializerMethodField(
        help_text="Micro-credits left of the caller's own limit this month in UTC; null: no limit of their own."
    )

    def get_balance(self, member: Membership) -> int | None:
        """The organisation's balance, where the caller may see it."""
        return visible_funds.for_membership(member).balance

    def get_month_left(self, member: Membership) -> int | None:
        """What is left of the caller's own monthly limit."""
        return visible_funds.for_membership(member).left


class MemberSerializer(serializers.Serializer[Membership]):
    """One member of an organisation."""

    id = serializers.IntegerField()
    username = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.shown_name")
    role = serializers.ChoiceField(_ROLES)
    month_limit = serializers.SerializerMethodField(
        help_text="Micro-credits that the member may spend a month in UTC; null: no limit of its own. Plain members "
        "see their own alone.",
    )
    created_at = serializers.DateTimeField(help_text="Member since.")

    def get_month_limit(self, member: Membership) -> int | None:
        """The limit, visible to roles that manage money and to the member it limits."""
        caller: Membership = self.context["asks"]
        return member.month_limit if caller.role in roles.MONEY or caller.pk == member.pk else None


class NameSerializer(serializers.Serializer[Any]):
    """The name of an organisation."""

    name = Text(
        min_length=1,
        max_length=management.MAX_NAME_LENGTH,
        help_text="What it is called; blanks around are cut off.",
    )


class MemberChangeSerializer(serializers.Serializer[Any]):
    """What changes of a member."""

    role = serializers.ChoiceField(_ROLES, required=False)
    month_limit = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=LARGEST,
        help_text="Micro-credits a month; null: none.",
    )


class InvitationSerializer(serializers.ModelSerializer[OrganizationInvitation]):
    """An invitation that waits for its answer."""

    class Meta:
        model = OrganizationInvitation
        fields = ["id", "email", "role", "created_at", "expires_at"]


class InviteSerializer(serializers.Serializer[Any]):
    """Whom to invite, in which role."""

    email = Text(min_length=3, max_length=254, help_text="The link goes to this address, and nowhere else.")
    role = serializers.ChoiceField(_ROLES, default="member")


_ORGANIZATION = {"id": 12, "name": "Studio Nord", "role": "owner", "balance": 812_400_000, "month_left": None}
_MEMBER = {
    "id": 31,
    "username": "ada",
    "name": "Ada",
    "role": "member",
    "month_limit": 50_000_000,
    "created_at": "2026-11-20T12:00:00.000000Z",
}
_INVITED = {
    "id": 7,
    "email": "new@example.org",
    "role": "member",
    "created_at": "2026-11-20T12:00:00.000000Z",
    "expires_at": "2026-12-04T12:00:00.000000Z",
}


def _example(name: str, value: Any, code: str = "200") -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[code])


def _refused(cannot: management.CannotDo) -> Denied:
    return Denied(409, "Not done", str(cannot), {cannot.field: [str(cannot)]} if cannot.field else None)


class _View(OwnApiView):
    scope = token_scopes.ADMIN

    def membership(self, number: int) -> Membership:
        """The caller's own membership of an organisation; Http404 where the caller has none.

        A token acts only for the account it was made for: it finds no other organisation.
        """
        if number > MAX_ID:
            raise Http404
        rows = Membership.objects.filter(
            user=self.user, account_id=number, account__kind=Account.Kind.ORGANIZATION
        ).exclude(account__status=Account.Status.CLOSED)
        if self.token is not None:
            rows = rows.filter(account=self.token.account)
        found = rows.select_related("account").first()
        if found is None:
            raise Http404
        return found

    def managed(self, number: int) -> Account:
        """An organisation that the caller owns; Denied 403 otherwise."""
        account = self.membership(number).account
        roles.require(self.user, account, roles.MANAGING)
        return account


class OrganizationsView(_View):
    """The caller's organisations."""

    @extend_schema(
        operation_id="organizations_list",
        summary="Your organisations",
        responses={200: OrganizationSerializer(many=True)},
        examples=[_example("Organisations", _ORGANIZATION)],
    )
    def get(self, request: Request) -> Response:
        """The organisations that the caller acts for, by name. A token sees the one that it was made for."""
        memberships = [
            membership
            for membership in management.memberships_of(self.user)
            if membership.account.kind == Account.Kind.ORGANIZATION
        ]
        if self.token is not None:
            memberships = [
                membership for membership in memberships if membership.account_id == self.token.account_id
            ]
        return Response(OrganizationSerializer(memberships, many=True).data)

    @extend_schema(
        operation_id="organizations_create",
        summary="Found an organisation",
        request=NameSerializer,
        responses={
            201: OrganizationSerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            409: ProblemSerializer,
        },
        examples=[
            OpenApiExample("A name", value={"name": "Studio Nord"}, request_only=True),
            _example("The organisation", {**_ORGANIZATION, "balance": 0}, "201"),
        ],
    )
    def post(self, request: Request) -> Response:
        """Found an organisation, which the caller owns. Sessions alone may: a token belongs to one account."""
        if self.token is not None:
            raise Denied(403, "Forbidden", "An API token belongs to one account and founds no other.")
        serializer = NameSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            account = management.create(self.user, serializer.validated_data["name"])
        except management.CannotDo as cannot:
            raise _refused(cannot) from None
        made = self.membership(account.pk)
        return Response(OrganizationSerializer(made).data, status=status.HTTP_201_CREATED)


class OrganizationView(_View):
    """One organisation."""

    @extend_schema(
        operation_id="organizations_get",
        summary="One organisation",
        responses={200: OrganizationSerializer, 404: ProblemSerializer},
        examples=[_example("The organisation", _ORGANIZATION)],
    )
    def get(self, request: Request, number: int) -> Response:
        """An organisation that the caller acts for, with the caller's role; 404 for every other."""
        return Response(OrganizationSerializer(self.membership(number)).data)

    @extend_schema(
        operation_id="organizations_rename",
        summary="Rename an organisation",
        request=NameSerializer(partial=True),
        responses={
            200: OrganizationSerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
        },
        examples=[
            OpenApiExample("Another name", value={"name": "Studio Süd"}, request_only=True),
            _example("The organisation", {**_ORGANIZATION, "name": "Studio Süd"}),
        ],
    )
    def patch(self, request: Request, number: int) -> Response:
        """Give an organisation another name. Its owners alone may; what is left out stays as it is."""
        account = self.managed(number)
        serializer = NameSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        try:
            if "name" in serializer.validated_data:
                management.rename(account, serializer.validated_data["name"])
        except management.CannotDo as cannot:
            raise _refused(cannot) from None
        return Response(OrganizationSerializer(self.membership(number)).data)


class MembersView(_View):
    """The members of an organisation."""

    @extend_schema(
        operation_id="organization_members",
        summary="Members of an organisation",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("MemberPage", MemberSerializer),
            400: ProblemSerializer,
            404: ProblemSerializer,
        },
        examples=[_example("Members", {"results": [_MEMBER], "next": None})],
    )
    def get(self, request: Request, number: int) -> Response:
        """Everybody who acts for the organisation, the newest first, with their role and limit."""
        caller = self.membership(number)
        rows = Membership.objects.filter(account=caller.account).select_related("user")
        return list_pages.list_response(
            request,
            rows,
            list_pages.page_query(Listed, request),
            lambda row: MemberSerializer(row, context={"asks": caller}).data,
        )


class MemberView(_View):
    """One member of an organisation."""

    @extend_schema(
        operation_id="organization_member_change",
        summary="Change a member",
        request=MemberChangeSerializer,
        responses={
            200: MemberSerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
        },
        examples=[
            OpenApiExample("A limit", value={"month_limit": 50_000_000}, request_only=True),
            _example("The member", _MEMBER),
        ],
    )
    def patch(self, request: Request, number: int, member_id: int) -> Response:
        """Give a member another role or limit; owners alone may. 409 for the last owner, who stays one."""
        account = self.managed(number)
        serializer = MemberChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changes = serializer.validated_data
        if not Membership.objects.filter(account=account, pk=member_id).exists():
            raise Http404
        try:
            if "role" in changes:
                management.give_role(account, member_id, changes["role"], by=self.user)
            if "month_limit" in changes:
                management.set_limit(account, member_id, changes["month_limit"])
        except management.CannotDo as cannot:
            raise _refused(cannot) from None
        found = Membership.objects.select_related("user").get(pk=member_id)
        return Response(MemberSerializer(found, context={"asks": self.membership(number)}).data)

    @extend_schema(
        operation_id="organization_member_remove",
        summary="Remove a member",
        responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer, 409: ProblemSerializer},
    )
    def delete(self, request: Request, number: int, member_id: int) -> Response:
        """End a membership and revoke its tokens. Owners remove others, everybody themselves; 409 for the last."""
        account = self.membership(number).account
        found = Membership.objects.filter(account=account, pk=member_id).select_related("user").first()
        if found is None:
            raise Http404
        if found.user_id != self.user.pk:
            roles.require(self.user, account, roles.MANAGING)
        try:
            management.remove(account, found.user, by=self.user)
        except management.CannotDo as cannot:
            raise _refused(cannot) from None
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationsView(_View):
    """Invitations of an organisation."""

    @extend_schema(
        operation_id="organization_invitations",
        summary="Invitations that wait",
        parameters=[Listed],
        responses={
            200: list_pages.page_of("InvitationPage", InvitationSerializer),
            400: ProblemSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
        },
        examples=[_example("Invitations", {"results": [_INVITED], "next": None})],
    )
    def get(self, request: Request, number: int) -> Response:
        """Invitations that nobody has answered yet, newest first; owners alone see them."""
        rows = join_invitations.pending(self.managed(number))
        return list_pages.list_response(
            request, rows, list_pages.page_query(Listed, request), lambda row: InvitationSerializer(row).data
        )

    @extend_schema(
        operation_id="organization_invite",
        summary="Invite somebody",
        request=InviteSerializer,
        responses={
            201: InvitationSerializer,
            400: ProblemSerializer,
            403: ProblemSerializer,
            404: ProblemSerializer,
            409: ProblemSerializer,
        },
        examples=[
            OpenApiExample("Whom", value={"email": "new@example.org", "role": "member"}, request_only=True),
            _example("The invitation", _INVITED, "201"),
        ],
    )
    def post(self, request: Request, number: int) -> Response:
        """Send somebody a link by mail with which they join; it lasts for two weeks. The link is in no answer."""
        account = self.managed(number)
        serializer = InviteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = cast(dict[str, str], serializer.validated_data)
        try:
            made = join_invitations.invite(account, data["email"], data["role"], by=self.user)
        except management.CannotDo as cannot:
            raise _refused(cannot) from None
        made.refresh_from_db()
        return Response(InvitationSerializer(made).data, status=status.HTTP_201_CREATED)


class InvitationView(_View):
    """One invitation."""

    @extend_schema(
        operation_id="organization_invitation_revoke",
        summary="Withdraw an invitation",
        responses={204: None, 403: ProblemSerializer, 404: ProblemSerializer},
    )
    def delete(self, request: Request, number: int, invitation_id: int) -> Response:
        """End an invitation: its link opens nothing any more. 404 where it does not wait."""
        if not join_invitations.revoke(self.managed(number), invitation_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
