"""The figures of money for `/metrics`: bounded, added up exactly, unknown where a part is."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analytics.frames import MONEY_SUM
from marginlake.metrics import ServiceMetrics
from marginlake.money_figures import NONE, OTHER, MoneyFigures, bounded

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
TODAY, BEFORE = date(2026, 11, 28), date(2026, 11, 3)


def rows(*said: tuple[date, str | None, str, str | None]) -> pl.DataFrame:
    """Day, product, revenue (the weight too) and margin."""
    schema = {"day": pl.Date(), "product": pl.String(), "revenue_usd": MONEY_SUM, "margin_usd": MONEY_SUM}
    made = [(day, product, Decimal(usd), None if left is None else Decimal(left)) for day, product, usd, left in said]
    return pl.DataFrame(made, schema=schema, orient="row").with_columns(weight_usd=pl.col("revenue_usd"))


def test_the_largest_have_series_of_their_own() -> None:
    found = bounded(
        rows(
            (BEFORE, "writer", "5", "1"), (TODAY, "writer", "1", "1"), (TODAY, "bot", "3", "1"),
            (TODAY, None, "4", "1"), (TODAY, "small", "0.5", "0.25"), (TODAY, "smaller", "0.1", None),
        ),
        ["product"], 3, NOW,
    )  # fmt: skip
    assert found.rows() == [
        ("day", "bot", Decimal(3), Decimal(1)),
        ("day", NONE, Decimal(4), Decimal(1)),
        ("day", OTHER, Decimal("0.6"), None),
        ("day", "writer", Decimal(1), Decimal(1)),
        ("month", "bot", Decimal(3), Decimal(1)),
        ("month", NONE, Decimal(4), Decimal(1)),
        ("month", OTHER, Decimal("0.6"), None),
        ("month", "writer", Decimal(6), Decimal(2)),
    ]


def test_a_product_that_is_called_other_is_among_the_others() -> None:
    found = bounded(rows((TODAY, OTHER, "9", "1"), (TODAY, "a", "8", "1"), (TODAY, "b", "1", "1")), ["product"], 2, NOW)
    assert found.filter(pl.col("window") == "day").rows() == [
        ("day", "a", Decimal(8), Decimal(1)),
        ("day", OTHER, Decimal(10), Decimal(2)),
    ]


def test_without_labels_there_is_one_sum_of_each_window() -> None:
    assert bounded(rows((TODAY, "a", "8", "1"), (BEFORE, "b", "1", "1")), [], 2, NOW).rows() == [
        ("day", Decimal(8), Decimal(1)),
        ("month", Decimal(9), Decimal(2)),
    ]


def test_nothing_there_is_no_series() -> None:
    assert bounded(rows(), ["product"], 2, NOW).is_empty()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10**15)), max_size=60),
    st.integers(1, 5),
)
def test_however_many_there_are_the_series_are_few_and_nothing_is_lost(said: list[tuple[int, int]], top: int) -> None:
    frame = rows(*((TODAY, f"p{which}", str(Decimal(pico).scaleb(-12)), None) for which, pico in said))
    month = bounded(frame, ["product"], top, NOW).filter(pl.col("window") == "month")
    assert month.height <= top + 1
    assert month["revenue_usd"].sum() == sum((Decimal(pico).scaleb(-12) for _, pico in said), Decimal(0))


def test_what_is_not_known_has_no_sample() -> None:
    metrics = ServiceMetrics()
    assert b"marginlake_margin_usd{" not in metrics.expose()[0]
    margins = bounded(rows((TODAY, "a", "8", "1"), (TODAY, "b", "1", None)), ["product"], 5, NOW)
    nothing = margins.with_columns(
        pl.lit(None, MONEY_SUM).alias(name)
        for name in ("margin_known_usd", "linked_cost_usd", "unclaimed_cost_usd", "value_usd", "signals",
                     "signals_without_revenue")
    )  # fmt: skip
    calls = pl.DataFrame(schema=dict.fromkeys(("window", "calls", "unpriced_calls", "cost_usd"), pl.String()))
    metrics.read(MoneyFigures(NOW, calls, nothing), ({"critical": 2}, 1))
    text = metrics.expose()[0].decode()
    assert 'marginlake_margin_usd{product="a",window="day"} 1.0' in text
    assert 'marginlake_margin_usd{product="b"' not in text
    assert 'marginlake_alerts_firing{severity="critical"} 2.0' in text
    assert 'marginlake_alerts_firing{severity="info"} 0.0' in text
    assert f"marginlake_money_read_timestamp_seconds {NOW.timestamp():.8e}".split("e")[0] in text
