"""Money as people write it, and as Stripe counts it: currencies have two decimals, none, three, or two on paper."""

from __future__ import annotations

import pytest

from accounts.billing.currencies import format_money, parse, plain_amount
from operations.dashboard import number_format


@pytest.mark.parametrize(
    ("written", "currency", "units", "shown"),
    [
        ("5.00", "usd", 500, "$5.00"), ("1234.5", "CHF", 123_450, "1,234.50 CHF"), ("500", "jpy", 500, "¥500"),
        # A dinar has a thousand fils: as hundredths a tenth of the price would be taken.
        ("5.12", "kwd", 5120, "5.120 KWD"), ("5.120", "bhd", 5120, "5.120 BHD"), ("3", "TND", 3000, "3.000 TND"),
        # Without decimals among people, with two at Stripe: as whole ones a hundredth would be taken.
        ("5000", "ugx", 500_000, "5,000 UGX"), ("700", "isk", 70_000, "700 ISK"),
    ],
)  # fmt: skip
def test_what_is_written_is_what_stripe_is_asked_for_and_what_is_shown(
    written: str, currency: str, units: int, shown: str
) -> None:
    assert parse(written, currency) == units
    assert format_money(units, currency) == shown
    assert parse(plain_amount(units, currency), currency) == units


@pytest.mark.parametrize(
    ("written", "currency"),
    [
        ("5.001", "usd"), ("5.5", "jpy"), ("5.123", "kwd"), ("5000.50", "ugx"), ("700.5", "isk"), ("0", "usd"),
        ("-5", "usd"), ("1e3", "usd"), ("1000000.00", "usd"), ("100000", "kwd"), ("٥", "usd"), ("", "usd"),
    ],
)  # fmt: skip
def test_what_stripe_would_not_take_is_no_price(written: str, currency: str) -> None:
    with pytest.raises(ValueError, match=written or "^$"):
        parse(written, currency)


@pytest.mark.parametrize(
    ("units", "currency", "shown"),
    [
        (123_450, "usd", "USD 1,234.50"), (-500, "usd", "USD \u22125.00"), (5000, "xaf", "XAF 5,000"),
        (-70, "jpy", "JPY \u221270"), (5120, "kwd", "KWD 5.120"), (500_000, "ugx", "UGX 5,000"),
    ],
)  # fmt: skip
def test_the_desk_says_the_revenue_of_every_currency_as_its_packs_say_their_price(
    units: int, currency: str, shown: str
) -> None:
    assert number_format.money(units, currency) == shown
