"""What events deliver to the customer: amounts by metric, and what they are worth in US dollars."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import polars as pl

from analytics.event_rules import EventRules
from analytics.expressions.columns import Columns, Number
from analytics.expressions.exact import evaluate, round_half_even
from analytics.frames import MONEY, from_pico, schema_of, to_pico
from analytics.revenue import rates_of
from analytics.revenue_rules import MONEY_LIMIT, PICO
from analytics.value_inputs import Inputs
from analytics.value_model import UNIT_VALUE, Binding, ValueModel, minor_units
from pricing_tables.fx import DOLLAR, FxTable

EVENT_VALUES: Final = schema_of("event_values")
_MICRO: Final = 10**6
_AMOUNT: Final = pl.Decimal(18, 6)
_READ: Final = ("signal_id", "customer_id", "product_id", "event_name", "occurred_at", "data")
_KEY: Final = ("data", "rate")
_FOUND: Final = pl.Schema({"amount": pl.Int128(), "value": pl.Int128(), "note": pl.String(), "stated": pl.Boolean()})
_NO_ROOM: Final = "a division by zero, or more than a row has room for"


def event_values(signals: pl.DataFrame, rules: EventRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the table `event_values`, and per signal with any worth in money: signal_id, value_usd Decimal(18, 12).

    signals: `_READ`, in the types of the table `signals`. A metric of which an event says nothing, though only its data
    could, does not apply to it: no row. What it says and cannot be read is unknown: amount and value NULL, and `note`
    says why. value_usd of an event is NULL as soon as a part of it is unknown. Exact; amounts are rounded half to even
    at 6 decimals, values (together with the exchange rate) once at 12.
    """
    frame = signals.select(_READ).with_columns(model=_in_force(rules.value))
    parts = [
        _of_binding(_concerned(frame.filter(pl.col("model") == place), binding), binding, model, rules.fx)
        for place, model in enumerate(rules.value)
        for binding in model.bindings
    ]
    schema = {**EVENT_VALUES, "money": pl.Boolean()}
    found = pl.concat([pl.DataFrame(schema=schema), *(part for part in parts if part.height)])
    sums = (
        found.filter("money")
        .group_by("signal_id")
        .agg(pl.when(pl.col("value_usd").is_not_null().all()).then(to_pico(pl.col("value_usd")).sum()).alias("pico"))
        .select("signal_id", _money("pico").alias("value_usd"))
    )
    return found.select(*EVENT_VALUES), sums


def _in_force(models: Sequence[ValueModel]) -> pl.Expr:
    """The place of the model that holds at occurred_at: the latest of those in force."""
    place, at = pl.lit(None, pl.UInt32), pl.col("occurred_at")
    for number, model in enumerate(models):
        holds = pl.lit(True)
        if model.effective_from is not None:
            holds &= at >= model.effective_from
        if model.effective_to is not None:
            holds &= at < model.effective_to
        place = pl.when(holds).then(pl.lit(number, pl.UInt32)).otherwise(place)
    return place


def _concerned(frame: pl.DataFrame, binding: Binding) -> pl.DataFrame:
    """The events that a binding is for."""
    holds = pl.col("event_name") == binding.event_name
    if binding.product_id is not None:
        holds &= pl.col("product_id") == binding.product_id
    if binding.customers is not None:
        holds &= pl.col("customer_id").is_in(list(binding.customers))
    if binding.not_customers:
        holds &= ~pl.col("customer_id").is_in(list(binding.not_customers)).fill_null(False)
    if binding.start is not None:
        holds &= pl.col("occurred_at") >= binding.start
    if binding.end is not None:
        holds &= pl.col("occurred_at") < binding.end
    return frame.filter(holds)


def _of_binding(events: pl.DataFrame, binding: Binding, model: ValueModel, fx: FxTable) -> pl.DataFrame:
    """Rows of `event_values` and `money`, whether they count in money."""
    if events.is_empty():
        return pl.DataFrame()
    priced = events.with_columns(currency=pl.lit(binding.currency))
    foreign = binding.counts_money and binding.currency != DOLLAR
    events = events.with_columns(rate=rates_of(priced, fx) if foreign else pl.lit(PICO, pl.Int128))
    # what an event delivers depends on nothing but its data and the day's rate: each distinct case once
    cases = events.select(_KEY).unique()
    cases = cases.hstack(_of_cases(cases, binding))
    told = events.join(cases, on=_KEY, how="left", nulls_equal=True).filter("stated")
    return told.select(
        pl.col("signal_id"),
        pl.lit(binding.metric).alias("metric"),
        pl.col("occurred_at"),
        from_pico(pl.col("amount") * pl.lit(_MICRO, pl.Int128)).cast(_AMOUNT).alias("amount"),
        pl.lit(binding.unit).alias("unit"),
        _money("value").alias("value_usd"),
        pl.lit(str(model.version)).alias("model_version"),
        pl.col("note"),
        pl.lit(binding.counts_money).alias("money"),
    ).select(*EVENT_VALUES, "money")


def _of_cases(cases: pl.DataFrame, binding: Binding) -> pl.DataFrame:
    """`_FOUND` for each case (data, rate: picodollars for one unit of the currency, Int128|null), in order.

    amount: in millionths. value: picodollars.
    """
    inputs = Inputs(cases, binding.formula, "a_")
    converting = Inputs(inputs.frame, binding.conversion, "m_") if binding.conversion else None
    frame = converting.frame if converting else inputs.frame
    columns = Columns(frame, inputs.odd)
    amount = columns.evaluate(binding.formula.node, inputs.held(columns))
    if not isinstance(amount, Number):
        raise TypeError(f"{binding.metric}: the formula yields no number")
    worth: Number | None = None
    if binding.kind == "monetary":
        amount = Number(amount.scale / minor_units(binding.currency), amount.numerator, amount.denominator)
        worth = amount
    if converting and binding.conversion:
        converted = columns.evaluate(binding.conversion.node, {**converting.held(columns), UNIT_VALUE: amount})
        worth = converted if isinstance(converted, Number) else None
    found = frame.select(
        amount=columns.rounded(amount, _MICRO),
        value=columns.rounded(columns.product(worth, columns.number(pl.col("rate"), Fraction(1, PICO))), PICO)
        if worth
        else pl.lit(None, pl.Int128),
    )
    found = _without_room(frame, found, columns.wide, binding, inputs, converting)
    fits = [
        pl.when(pl.col(name).abs() < pl.lit(MONEY_LIMIT, pl.Int128)).then(name).alias(name) for name in found.columns
    ]
    found = found.with_columns(fits).with_columns(frame.select(stated=inputs.stated, reason=inputs.note, rate="rate"))
    rateless = pl.lit(f"no exchange rate for {binding.currency}")
    unknown_value = pl.lit(binding.counts_money) & pl.col("value").is_null()
    note = (
        pl.when(pl.col("amount").is_null())
        .then(pl.coalesce("reason", pl.lit(_NO_ROOM)))
        .when(unknown_value & pl.col("rate").is_null())
        .then(rateless)
        .when(unknown_value)
        .then(pl.lit(_NO_ROOM))
    )
    return found.select("amount", "value", note.alias("note"), "stated").cast(_FOUND)


def _without_room(
    frame: pl.DataFrame,
    found: pl.DataFrame,
    wide: pl.Series,
    binding: Binding,
    inputs: Inputs,
    converting: Inputs | None,
) -> pl.DataFrame:
    """amount and value, those of the rows marked `wide` worked out one by one (few, and each distinct case once)."""
    if not wide.any():
        return found
    texts = [*inputs.texts, *(converting.texts if converting else ()), "rate"]
    marked = frame.select(texts).with_row_index("row").filter(wide)
    cases = marked.select(texts).unique()
    worked = [_exactly(case, binding, inputs, converting) for case in cases.iter_rows(named=True)]
    money = pl.DataFrame(worked, schema={"exact_amount": pl.Int128, "exact_value": pl.Int128}, orient="row")
    marked = marked.join(cases.hstack(money), on=texts, how="left", nulls_equal=True)
    all_rows = found.with_row_index("row").join(marked.select("row", *money.columns), on="row", how="left")
    return all_rows.sort("row").select(
        pl.when(wide).then("exact_amount").otherwise("amount").alias("amount"),
        pl.when(wide).then("exact_value").otherwise("value").alias("value"),
    )


def _exactly(
    case: dict[str, object], binding: Binding, inputs: Inputs, converting: Inputs | None
) -> tuple[int | None, int | None]:
    """Millionths of the amount and picodollars of its worth; None where unknown, or more than a row has room for."""
    amount = evaluate(binding.formula.node, inputs.exact(case))
    if not isinstance(amount, Fraction):
        return None, None
    worth: object = None
    if binding.kind == "monetary":
        amount = amount / minor_units(binding.currency)
        worth = amount
    if converting and binding.conversion:
        worth = evaluate(binding.conversion.node, {**converting.exact(case), UNIT_VALUE: amount})
    rate = case["rate"]
    value = worth * rate / PICO if isinstance(worth, Fraction) and isinstance(rate, int) else None
    return _parts(amount, _MICRO), None if value is None else _parts(value, PICO)


def _parts(value: Fraction, parts: int) -> int | None:
    rounded = int(round_half_even(value * parts, 0))
    return rounded if abs(rounded) < MONEY_LIMIT else None


def _money(pico: str) -> pl.Expr:
    """Picodollars as money of a row; what the table has no room for is unknown."""
    fits = pl.col(pico).abs() < pl.lit(MONEY_LIMIT, pl.Int128)
    return from_pico(pl.when(fits).then(pico)).cast(MONEY)
