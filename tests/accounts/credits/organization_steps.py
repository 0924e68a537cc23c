"""Simulation steps of organisations: founded, joined, left, limited, acted for, spent from and dissolved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Account, Membership, OrganizationInvitation, User
from accounts.organizations import join_invitations, management
from accounts.tokens import api_tokens
from core.clock import Now
from gallery.models import Closure
from gallery.privacy import closure, erasure
from tests.accounts.credits.reference_balances import Call, Crash, Crashed, Member, ReferenceBalance, numbers

MOST, OWNED = 4, 3
ROLES = ("owner", "billing", "member")
VERBS = ("found", "join", "leave", "role", "member_limit", "act", "dissolve")


class OrganizationSteps:
    """The steps about organisations; members outside of them are not affected."""

    name: str
    crashes: int
    people: list[ReferenceBalance]
    _do: Callable[[int, Call, type[Exception] | None], Any]
    _return_all: Callable[[ReferenceBalance, int], None]

    def __init__(self) -> None:
        self.clubs: list[ReferenceBalance] = []

    def _person(self, known: ReferenceBalance, other: int) -> ReferenceBalance:
        return self.people[other % len(self.people)] if known.is_club else known

    def _member(self, club: ReferenceBalance, other: int) -> Member | None:
        """One of its members, and their row."""
        members = list(club.members.values())
        return members[other % len(members)] if members and club.status != "closed" else None

    def _is_last(self, club: ReferenceBalance, member: Member) -> bool:
        owners = [one for one in club.members.values() if one.role == "owner"]
        return owners == [member]

    def _found(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        person = self._person(known, other)
        there = [club for club in self.clubs if club.status != "closed"]
        if len(there) >= MOST:
            return
        owned = [club for club in there if self._role_in(club, person.user) == "owner"]
        refused = management.CannotDo if person.status != "active" or len(owned) >= OWNED else None
        made = self._do(crash, lambda: management.create(person.user, f"club {next(numbers)}"), refused)
        if made:
            self.clubs = [club for club in self.clubs if club.status != "closed"]
            owner = Member(person.user, "owner")
            self.clubs.append(ReferenceBalance(made, person.user, members={person.user.pk: owner}))

    def _role_in(self, club: ReferenceBalance, user: User) -> str:
        return club.members[user.pk].role if user.pk in club.members else ""

    def _join(self, club: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """Invited in one transaction, there in another: a crash may come in either, and between."""
        person = self.people[other % len(self.people)]
        if not club.is_club or club.status == "closed":
            return
        role, secret = ROLES[amount % 3], f"{next(numbers)} {self.name}"
        if not self._do(crash, lambda: self._invited(club, person.user, role, secret), None):
            return
        if self._do(crash if amount % 2 else 0, lambda: join_invitations.accept(secret, person.user), None):
            # Who is a member already keeps their role.
            club.members.setdefault(person.user.pk, Member(person.user, role))

    def _invited(self, club: ReferenceBalance, user: User, role: str, secret: str) -> OrganizationInvitation:
        rows = OrganizationInvitation.objects.filter(account=club.account, email=user.email)
        rows.filter(accepted_at__isnull=True, revoked_at__isnull=True).update(revoked_at=Now())
        return OrganizationInvitation.objects.create(
            account=club.account, email=user.email, role=role, digest=api_tokens.digest(secret), made_by=club.user,
            expires_at=timezone.now() + timedelta(days=9),
        )  # fmt: skip

    def _leave(self, club: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        member = self._member(club, other)
        if member is None:
            return
        user = User.objects.get(pk=member.user.pk)
        refused = management.CannotDo if self._is_last(club, member) else None
        if self._do(crash, lambda: (management.leave(user, club.account),), refused):
            del club.members[user.pk]

    def _role(self, club: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        member, role = self._member(club, other), ROLES[amount % 3]
        if member is None:
            return
        refused = management.CannotDo if self._is_last(club, member) and role != "owner" else None
        number = self._number(club, member)
        by = Membership.objects.filter(account=club.account, role="owner").latest("pk").user
        if self._do(crash, lambda: management.give_role(club.account, number, role, by=by), refused):
            member.role = role

    def _number(self, club: ReferenceBalance, member: Member) -> int:
        return Membership.objects.get(account=club.account, user=member.user).pk

    def _member_limit(self, club: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        member, most = self._member(club, other), None if amount % 4 == 0 else amount * 3
        if member is None:
            return
        number = self._number(club, member)
        if self._do(crash, lambda: management.set_limit(club.account, number, most), None):
            member.limit = most

    def _act(self, club: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """Act for it, as its members may and nobody else; or for oneself again."""
        person = self.people[other % len(self.people)]
        chosen = club.account if amount % 3 else person.account
        done = self._do(crash, lambda: (management.act_for(person.user, chosen.pk),), None)
        person.user.refresh_from_db(fields=["account"])
        if done:
            mine = chosen.pk == person.account.pk or person.user.pk in club.members
            assert (done[0] == chosen) is mine, (person, chosen)

    def _dissolve(self, club: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """An owner has it deleted: what is on hold returns, what is left of its credits ends with it."""
        if not club.is_club or amount % 3 or club.status == "closed":
            return
        owner = next(one.user for one in club.members.values() if one.role == "owner")
        standing = closure.pending_for(club.account)
        others = Closure.objects.filter(user=owner, called_off_at__isnull=True, finished_at__isnull=True)
        refused = closure.CannotClose if standing is None and others.exists() else None
        closure_request = self._do(crash, lambda: closure.request_closure(owner, club.account), refused)
        if closure_request is None:
            return
        if club.status == "active":
            club.status = "closing"
        self._return_all(club, crash)
        if club.held or any(job.live for job in club.jobs):
            # The work that it is for would be waited for.
            return
        self._erase(club, closure_request, crash)

    def _erase(self, club: ReferenceBalance, closure_request: Closure, crash: int) -> None:
        erasure.begin(closure_request)
        club.status = "closing"
        for turn in range(40):
            closure_request = Closure.objects.select_related("user", "account").get(pk=closure_request.pk)
            if closure_request.finished_at is not None:
                break
            try:
                with connection.execute_wrapper(Crash(crash if turn < 2 else 0)):
                    erasure.run_stage(closure_request)
            except Crashed:
                self.crashes += 1
        assert closure_request.finished_at is not None
        club.status, club.balance, club.members = "closed", 0, {}

    def check_clubs(self) -> None:
        """Members, roles and limits are as they should be, and nobody acts for what they do not belong to."""
        for club in self.clubs:
            rows = Membership.objects.filter(account=club.account).values_list(
                "user_id", "role", "month_limit"
            )
            known = {(one.user.pk, str(one.role), one.limit) for one in club.members.values()}
            assert set(rows) == known, (club, rows)
            row = Account.objects.get(pk=club.account.pk)
            assert (row.status, row.balance, row.held) == (club.status, club.balance, club.held)
            assert club.status == "closed" or any(one.role == "owner" for one in club.members.values())
        for user in User.objects.filter(username__startswith=self.name.replace(" ", "-")):
            assert Membership.objects.filter(user=user, account=user.account_id).exists(), user
