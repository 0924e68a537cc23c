"""Faults in the ledger: holds, settlements, limits, allowances, debts and gifts."""

from __future__ import annotations

from tests.mutants import Mutant

HOLDS, MOVING = "accounts/credits/holds.py", "accounts/credits/balance_updates.py"
LIMITS, ENDINGS = "accounts/credits/spending_limits.py", "accounts/credits/allowance_ends.py"
DEBTS, POSTING = "accounts/credits/debts.py", "accounts/credits/movements.py"
CREDITS = ("tests/accounts/credits/test_credits.py", "tests/accounts/credits/test_credit_races.py")
DEBT = ("tests/accounts/billing/test_debts.py",)
GIFTS = ("tests/accounts/credits/test_gifts.py",)
BOUNDS = ("tests/accounts/tokens/test_token_limits.py", "tests/accounts/credits/test_spending_limits.py")
ENDS = ("tests/accounts/credits/test_allowances.py",)

MUTANTS = [
    Mutant(
        HOLDS,
        "SET balance = balance - %s, held = held + %s ",
        "SET balance = balance - %s, held = %s ",
        "A second hold takes the place of the first.",
        CREDITS,
    ),
    Mutant(
        HOLDS,
        "(balance - owed >= %s OR %s = 0)",
        "(balance >= %s OR %s = 0)",
        "Who owes something can still spend what is there.",
        DEBT,
    ),
    Mutant(
        HOLDS,
        " AND status = 'active' ",
        " ",
        "A suspended account can hold credits for new work.",
        (*CREDITS, "tests/accounts/credits/test_balance_updates.py"),
    ),
    Mutant(
        HOLDS,
        "captured = max(0, min(charge, held))",
        "captured = max(0, charge)",
        "A charge above the hold is taken from what is left.",
        CREDITS,
    ),
    Mutant(
        HOLDS,
        "after = balance_updates.move(account_id, balance_delta=released, held_delta=-held)",
        "after = balance_updates.move(account_id, balance_delta=released, held_delta=-captured)",
        "What a settlement releases stays on hold as well.",
        CREDITS,
    ),
    Mutant(
        HOLDS,
        "        spending_limits.give_back(spender, released, entry.created_at)",
        "        pass",
        "What was released counts towards the limits for ever.",
        BOUNDS,
    ),
    Mutant(
        HOLDS,
        "    debts.pay(account_id, after)\n    return settled",
        "    return settled",
        "What comes back from a hold pays no debt.",
        DEBT,
    ),
    Mutant(
        HOLDS,
        "if entry.pk <= after.ended_upto:",
        "if entry.pk < after.ended_upto:",
        "The last hold of an allowance that ended brings its credits back to be spent.",
        ENDS,
    ),
    Mutant(
        MOVING,
        "AND held + %s >= 0 AND",
        "AND held + %s >= -1 AND",
        "More than was held can be released, where no CHECK forbids it.",
        ("tests/accounts/credits/test_balance_updates.py", *CREDITS),
    ),
    Mutant(
        MOVING,
        "AND balance + held + %s <= %s AND status",
        "AND balance + %s <= %s AND status",
        "A balance may grow past what sums can hold, beside what is on hold.",
        ("tests/accounts/credits/test_balance_updates.py", *CREDITS),
    ),
    Mutant(
        LIMITS,
        "        if spent > most:\n            left = max(0, most - spent + amount)",
        "        if spent >= most:\n            left = max(0, most - spent + amount)",
        "The last credit that an account may spend in a day is refused.",
        BOUNDS[1:],
    ),
    Mutant(
        LIMITS,
        "rows.filter(spent__lte=most - amount)",
        "rows.filter(spent__lt=most)",
        "A token spends more than its limit with its last hold.",
        BOUNDS[:1],
    ),
    Mutant(
        LIMITS,
        "            limits = [most for most in (own, of_plan) if most is not None]\n            if limits:\n"
        "                yield False, name, min(limits)",
        "            limits = [most for most in (own, of_plan) if most is not None]\n            if limits:\n"
        "                yield False, name, max(limits)",
        "Of an account's limit and its plan's the higher one counts.",
        BOUNDS[1:],
    ),
    Mutant(
        LIMITS,
        "AND (member_id IS NULL OR member_id = %s) ",
        "",
        "What one member spends counts towards the limits of all others.",
        BOUNDS[1:],
    ),
    Mutant(
        ENDINGS,
        "return max(0, min(total - used, account.balance))",
        "return max(0, min(total, account.balance))",
        "An allowance that was used is taken from other credits when it ends.",
        ENDS,
    ),
    Mutant(
        DEBTS,
        "taken = min(amount, account.balance)\n",
        "taken = amount\n",
        "A payment that is returned takes what is not there.",
        DEBT,
    ),
    Mutant(
        DEBTS,
        "amount = min(after.balance, after.owed, purchase.credits_owed)",
        "amount = min(after.balance, after.owed)",
        "The oldest of several debts is paid with what the next one is owed.",
        DEBT,
    ),
    Mutant(
        POSTING,
        "for pk in sorted((giver.pk, receiver.pk))",
        "for pk in (giver.pk, receiver.pk)",
        "Two who give to each other at once lock each other out.",
        ("tests/accounts/credits/test_balance_updates.py", *GIFTS),
        on_postgres=True,
    ),
    Mutant(
        POSTING,
        "    if total + amount > most:",
        "    if total > most:",
        "A gift over the limit of a day goes through.",
        GIFTS,
    ),
    Mutant(
        POSTING,
        "        _raise_if_posted(kind, reference)\n        raise",
        "        raise",
        "A second posting under the same reference is an error of the database's.",
        ("tests/accounts/credits/test_balance_updates.py", *CREDITS),
    ),
]
