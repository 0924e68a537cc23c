"""A simulation that moves credits in every way, compared with the rules in plain arithmetic, with crashes between.

Each step is one transaction. A crash breaks it before its n-th statement, as a process that dies would: then nothing
may have moved. `Steps` are chosen by numbers alone, so that Hypothesis, a plain generator and a process to be killed
can all drive them.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from accounts import credits
from accounts.audit import checks
from accounts.credits import allowances
from accounts.models import (
    Account,
    CodeBatch,
    Gift,
    LedgerEntry,
    Plan,
    RedeemCode,
    Redemption,
    User,
)
from accounts.organizations import management
from gallery.privacy import closure
from tests import factories
from tests.accounts.credits import organization_steps, payment_steps
from tests.accounts.credits.reference_balances import (
    Call,
    Crash,
    Crashed,
    Job,
    Member,
    ReferenceBalance,
    numbers,
)

ALLOWANCE = 40
_FIRST_DAY = datetime(2030, 1, 1, 12, tzinfo=UTC)


class CreditSimulation(organization_steps.OrganizationSteps, payment_steps.PaymentSteps):
    """Some accounts, and all that can happen to their credits."""

    def __init__(self, size: int = 3) -> None:
        self.name = f"house {next(numbers)} {random.getrandbits(40):x}"
        self.plan = Plan.objects.create(
            name=self.name, allowance=ALLOWANCE, allowance_every=Plan.Every.DAY, allowance_ends=True
        )
        self.batch = CodeBatch.objects.create(name=self.name, credits=25)
        organization_steps.OrganizationSteps.__init__(self)
        payment_steps.PaymentSteps.__init__(self)
        self.day = 0
        self.crashes = self.steps = 0
        self.people = [self._open() for _n in range(size)]

    def _open(self) -> ReferenceBalance:
        name = f"{self.name.replace(' ', '-')}-{next(numbers)}"
        user = User(username=name, email=f"{name}@example.org")
        user.set_unusable_password()
        user.save()
        account = factories.account_of(user)
        credits.set_plan(account, self.plan)
        return ReferenceBalance(account, user)

    def _who(self, number: int) -> ReferenceBalance:
        all_of_them = [*self.people, *self.clubs]
        return all_of_them[number % len(all_of_them)]

    def step(self, verb: str, who: int, amount: int, other: int, crash: int) -> None:
        """One thing that happens. `verb` is one of `VERBS`; the numbers choose of what, of how much, and the crash."""
        self.steps += 1
        chosen = self._who(who)
        getattr(self, f"_{verb}")(chosen, amount, other, crash)
        for known in (chosen, self._who(other)):
            row = Account.objects.get(pk=known.account.pk)
            assert (row.balance, row.held, row.owed) == (known.balance, known.held, known.owed), (
                verb,
                row,
                known,
            )
            sums = row.ledger.aggregate(balance=Sum("balance_delta"), held=Sum("held_delta"))
            assert (sums["balance"] or 0, sums["held"] or 0) == (row.balance, row.held), (verb, row, known)
            assert not (row.owed and row.balance), (verb, row, known)

    def check(self) -> None:
        """The audit is content."""
        assert [str(breach) for breach in checks.breaches()] == []
        self.check_clubs()

    def _do(self, crash: int, call: Call, refused: type[Exception] | None) -> Any:
        """What the step gave; None where it crashed or was refused as it had to be."""
        try:
            with transaction.atomic(), connection.execute_wrapper(Crash(crash)):
                given = call()
        except Crashed:
            self.crashes += 1
            return None
        except (
            credits.InsufficientCredits, credits.AccountClosed, credits.AlreadyPosted, LedgerEntry.DoesNotExist,
            management.CannotDo, closure.CannotClose,
        ) as error:  # fmt: skip
            assert refused is not None and isinstance(error, refused), repr(error)
            return None
        assert refused is None, f"{refused} was expected"
        return given

    def _grant(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        refused = credits.AccountClosed if known.status == "closed" else None
        if self._do(crash, lambda: credits.grant(known.account, amount + 1), refused):
            known.comes(amount + 1)

    def _adjust(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        delta = amount + 1 if other % 2 else -amount - 1
        refused = credits.InsufficientCredits if known.balance + delta < 0 else None
        if self._do(crash, lambda: credits.adjust(known.account, delta, reason="so", actor=None), refused):
            known.comes(delta)

    def _hold(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        reference, today = f"job-{next(numbers)}-{self.name}"[:50], f"{timezone.now():%Y-%m-%d}"
        member = self._member(known, other) or Member(known.user)
        spent = sum(job.net for job in known.jobs if job.day == today)
        limits = ((spent, known.day_limit), (known.spent_by(member.user, today[:7]), member.limit))
        refused: type[Exception] | None = None
        if known.status != "active":
            refused = credits.AccountClosed
        elif known.balance < amount:
            refused = credits.InsufficientCredits
        elif amount and any(most is not None and of + amount > most for of, most in limits):
            refused = credits.AccountLimitReached
        if self._do(crash, lambda: self._held(known, amount, reference, member.user), refused):
            known.balance -= amount
            known.held += amount
            known.jobs.append(Job(reference, amount, today, known.generation, member.user.pk))

    def _held(self, known: ReferenceBalance, amount: int, reference: str, user: User) -> bool:
        credits.hold(known.account.pk, amount, reference, member=user)
        return True

    def _settle(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        if not known.jobs:
            return
        self._settle_job(known, known.jobs[other % len(known.jobs)], amount, crash)

    def _settle_job(self, known: ReferenceBalance, job: Job, charge: int, crash: int) -> None:
        if not job.live:
            return self._settle_again(known, job, charge, crash)
        if self._do(crash, lambda: credits.settle(known.account.pk, job.reference, charge), None):
            released = job.held - min(charge, job.held)
            job.live, job.net = False, job.held - released
            known.held -= job.held
            known.returns(job, released)
        return None

    def _settle_again(self, known: ReferenceBalance, job: Job, charge: int, crash: int) -> None:
        try:
            with transaction.atomic(), connection.execute_wrapper(Crash(crash)):
                credits.settle(known.account.pk, job.reference, charge)
        except Exception as error:
            # The ledger has it already, or there is not so much on hold any more.
            assert type(error).__name__ in {"Crashed", "IntegrityError", "InsufficientCredits"}, repr(error)
        else:
            raise AssertionError("A hold was settled twice.")

    def _redeem(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        refused = None if known.status == "active" else credits.AccountClosed
        if self._do(crash, lambda: self._redeemed(known), refused):
            known.comes(self.batch.credits)

    def _redeemed(self, known: ReferenceBalance) -> LedgerEntry:
        code = RedeemCode.objects.create(
            batch=self.batch, digest=f"{next(numbers)} {self.name}"[:64], uses_left=0
        )
        row = Redemption.objects.create(code=code, account=known.account, user=known.user)
        return credits.redeem(known.account, self.batch.credits, reference=f"redeem-{row.pk}")

    def _gift(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        receiver = self._who(other)
        if receiver is known:
            return
        refused: type[Exception] | None = None
        if (known.status, receiver.status) != ("active", "active"):
            # Of two reasons to refuse, either may be reported.
            refused = credits.AccountClosed if known.balance > amount else Exception
        elif known.balance < amount + 1:
            refused = credits.InsufficientCredits
        if self._do(crash, lambda: self._given(known, receiver, amount + 1), refused):
            known.balance -= amount + 1
            receiver.comes(amount + 1)

    def _given(self, known: ReferenceBalance, receiver: ReferenceBalance, amount: int) -> Any:
        gift = Gift.objects.create(
            giver=known.account, receiver=receiver.account, amount=amount, user=known.user
        )
        return credits.give(known.account, receiver.account, amount, reference=gift.reference)

    def _refund(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        ended = [job for job in known.jobs if not job.live and job.net]
        if not ended:
            return
        job = ended[other % len(ended)]
        refused: type[Exception] | None = credits.AlreadyPosted if job.refunded else None
        if not job.refunded and known.status == "closed":
            refused = credits.AccountClosed
        if self._do(crash, lambda: credits.refund(known.account, job.net, reference=job.reference), refused):
            job.refunded = True
            known.comes(job.net)

    def _allowance(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        # Days go forward, seldom by more than one, and sometimes the clock is set back.
        self.day = max(0, self.day + (0, 1, 1, 2, -1)[amount % 5])
        at = _FIRST_DAY + timedelta(days=self.day, hours=other % 12)
        period = f"{at:%Y-%m-%d}"
        due = known.status == "active" and (known.until is None or at >= known.until)
        # An organisation is paid by no plan that does not say so.
        gives = due and period > known.period and not known.is_club
        done = self._do(crash, lambda: (allowances.renew(known.account.pk, at=at),), None)
        if done is None:
            return
        assert done[0] is gives, (at, known)
        if due:
            known.until = (at + timedelta(days=1)).replace(hour=0)
        if gives:
            used = sum(job.net for job in known.jobs if job.generation == known.generation)
            known.balance -= max(0, min(known.allowed - used, known.balance))
            known.ended[known.generation] = (known.allowed, used)
            known.comes(ALLOWANCE)
            known.period, known.allowed, known.generation = period, ALLOWANCE, known.generation + 1

    def _limit(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        most = None if amount % 3 == 0 else amount * 3
        if self._do(crash, lambda: self._limited(known, most), None):
            known.day_limit = most

    def _limited(self, known: ReferenceBalance, most: int | None) -> bool:
        credits.limit_account(Account.objects.get(pk=known.account.pk), day=most, month=None)
        return True

    def _ban(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """Shut out, with all that is on hold returned, one transaction each; or let in again."""
        if known.status == "active":
            self._state(known, "suspended")
            self._return_all(known, crash)
        elif known.status == "suspended" and amount % 2:
            self._state(known, "active")

    def _delete(self, known: ReferenceBalance, amount: int, other: int, crash: int) -> None:
        """Close it for good; somebody new comes in its place, once nothing is on hold."""
        if amount % 4 or known.status == "closed" or known.is_club:
            return
        self._state(known, "closing")
        self._return_all(known, crash)
        if known.held == 0 and not any(job.live for job in known.jobs):
            if not self._do(crash, lambda: self._closed(known), None):
                return
            known.status, known.balance = "closed", 0
            self.people.append(self._open())
            # Some who are gone are asked again, but they must not crowd out the others.
            gone = [one for one in self.people if one.status == "closed"]
            if len(gone) > 2:
                self.people.remove(gone[0])

    def _closed(self, known: ReferenceBalance) -> bool:
        Account.objects.filter(pk=known.account.pk).update(status=Account.Status.CLOSED)
        credits.clear(known.account, reason="deleted")
        return True

    def _state(self, known: ReferenceBalance, status: str) -> None:
        Account.objects.filter(pk=known.account.pk).update(status=status)
        known.status = status

    def _return_all(self, known: ReferenceBalance, crash: int) -> None:
        for job in [job for job in known.jobs if job.live]:
            self._settle_job(known, job, 0, crash)


VERBS = (
    "grant", "adjust", "hold", "settle", "redeem", "gift", "refund", "allowance", "limit", "ban", "delete",
    *payment_steps.VERBS, *organization_steps.VERBS,
)  # fmt: skip
OFTEN = (
    *VERBS,
    "hold",
    "hold",
    "hold",
    "settle",
    "settle",
    "settle",
    "grant",
    "purchase",
    "dispute",
    "pay_back",
)


def at_random(simulation: CreditSimulation, steps: int, seed: int) -> None:
    """So many steps of a plain generator."""
    chosen = random.Random(seed)
    for _n in range(steps):
        crash = chosen.choice((0, 0, 0, chosen.randint(1, 14)))
        simulation.step(
            chosen.choice(OFTEN), chosen.randint(0, 9), chosen.randint(0, 30), chosen.randint(0, 99), crash
        )
