"""An amount in dollars is rounded once, from what it is exactly."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pricing_tables.fx import in_dollars

PICO = 10**12


@given(
    st.decimals("1e-14", "1e5", allow_nan=False, allow_infinity=False),
    st.decimals("1e-12", "1e5", places=12, allow_nan=False, allow_infinity=False),
)
def test_dollars_are_the_product_rounded_half_to_even(amount: Decimal, usd: Decimal) -> None:
    exact = round(Fraction(amount) * Fraction(usd) * PICO)  # Python rounds half to even
    dollars = in_dollars(amount, usd)
    if 0 < exact < 10**6 * PICO:
        assert dollars is not None
        assert Fraction(dollars) * PICO == exact
    else:
        assert dollars is None


def test_digits_beyond_those_of_a_decimal_context_count() -> None:
    amount = Decimal("0.0000000000015" + "0" * 40 + "1")
    assert in_dollars(amount, Decimal(1)) == Decimal("0.000000000002")
    assert in_dollars(Decimal("0.0000000000025"), Decimal(1)) == Decimal("0.000000000002")


def test_nothing_and_too_much_are_no_amounts() -> None:
    assert [in_dollars(Decimal(text), Decimal(1)) for text in ("0", "-1", "1e-13", "1e6", "1e300", "1e-2000")] == [
        None
    ] * 6
