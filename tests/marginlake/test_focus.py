"""The FOCUS export: the specification's columns, its rules in every row, and the billable costs to the picodollar."""

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from analytics import focus as focus_module
from analytics.focus import focus_rows, unpriced
from analytics.focus_columns import FOCUS, SCHEMA, problems
from analytics.period import Period
from lake.connect import Lake
from marginlake.config import Config
from marginlake.rules import rules_from
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import captured, fill
from tests.marginlake.traffic import traffic
from tests.new_lakes import empty_lake

Cli = Callable[..., Answer]
GRAINS = ("call", "hour", "day")
MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
    "ServiceCategory", "ServiceName", "ServiceSubcategory",
)  # fmt: skip
BILLABLE = "SELECT coalesce(sum(cost_usd), 0)::DECIMAL(38,12) FROM costs WHERE status <> 'aggregate'"


def rows_of(lake: Lake, grain: str, period: Period | None = None) -> pl.DataFrame:
    with lake.reading() as tx:
        return pl.concat([SCHEMA.to_frame(), *focus_rows(tx, grain, period or Period())])  # type: ignore[arg-type]


def test_the_columns_are_those_of_the_specification_in_its_order() -> None:
    assert len(FOCUS) == 57
    assert list(FOCUS) == sorted(FOCUS)
    assert set(MANDATORY) <= set(FOCUS)
    assert all(name.startswith("x_") for name in SCHEMA.names()[len(FOCUS) :])


@pytest.mark.parametrize("grain", GRAINS)
def test_every_row_keeps_the_rules_and_all_add_up(lake_dir: Path, grain: str) -> None:
    with Lake.open(lake_dir, read_only=True) as lake:
        rows = rows_of(lake, grain)
        assert rows.height > 20
        assert problems(rows) == []
        assert rows["BilledCost"].sum() == lake.read(BILLABLE).item()
        # most are priced by the token, so the figures above are no accident
        assert rows.filter(PricingUnit="1000000 Tokens").height > rows.height / 2


def test_broken_rows_are_found(lake_dir: Path) -> None:
    with Lake.open(lake_dir, read_only=True) as lake:
        rows = rows_of(lake, "day")
    wrong = {
        "BilledCost: NULL in": pl.lit(None, SCHEMA["BilledCost"]).alias("BilledCost"),
        "ServiceCategory: 'Storage'": pl.lit("Storage").alias("ServiceCategory"),
        "ListUnitPrice times": (pl.col("ListUnitPrice") + Decimal("0.000000000001")).alias("ListUnitPrice"),
        "ChargePeriodEnd is not": pl.col("ChargePeriodStart").alias("ChargePeriodEnd"),
    }
    for told, change in wrong.items():
        broken = rows.with_columns(change).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        assert any(line.startswith(told) for line in problems(broken)), told
    assert problems(rows.drop("Tags")) == ["columns or types are not those of FOCUS 1.2"]


@settings(max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=traffic())
def test_whatever_came_adds_up(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> None:
    data = tmp_path_factory.mktemp("focus")
    empty_lake(data)
    with Lake.open(data, threads=1) as lake:
        fill(lake, [records])
        for grain in ("call", "day"):
            rows = rows_of(lake, grain)
            assert problems(rows) == []
            assert rows["BilledCost"].sum() == lake.read(BILLABLE).item()


def test_contracts_show_what_the_list_would_have_charged(tmp_path: Path) -> None:
    """gpt-4o* at 80 %: the list cost stays the list's, what is billed is four fifths of it."""
    override = {"name": "deal", "provider": "openai", "model": "gpt-4o*", "multiplier": "0.8"}
    rules = rules_from(Config.model_validate({"pricing": {"override": [override]}}), None)
    fill(tmp_path, [captured()], rules)
    with Lake.open(tmp_path) as lake:
        rows = rows_of(lake, "day")
        assert problems(rows) == []
        assert rows["BilledCost"].sum() == lake.read(BILLABLE).item()
    # where a list price cannot be told (audio), the list cost is what was billed
    deal = rows.filter(pl.col("x_PriceRule") == "deal", pl.col("ListCost") != pl.col("BilledCost"))
    assert deal.height
    assert (deal["BilledCost"] * 5).to_list() == (deal["ListCost"] * 4).to_list()


def test_windows_of_time_change_no_sum(lake_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lake.open(lake_dir, read_only=True) as lake:
        whole = rows_of(lake, "call")
        monkeypatch.setattr(focus_module, "CHUNK", {"call": 30})
        parts = rows_of(lake, "call")
    assert parts.sort(parts.columns).equals(whole.sort(whole.columns), null_equal=True)


def test_the_csv_says_the_same_and_unknown_prices_are_told(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    answer = cli("export", "focus", "--data", lake_dir, "--out", tmp_path / "f.csv", "--grain", "call")
    assert (answer.code, answer.err) == (0, "")
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Lake.open(lake_dir, read_only=True) as lake:
        billable = lake.read(BILLABLE).item()
        with lake.reading() as tx:
            unknown = unpriced(tx, Period())
    assert sum(Decimal(row["BilledCost"]) for row in rows) == billable
    assert answer.out.splitlines()[0] == f"{tmp_path / 'f.csv'}: {len(rows)} rows, BilledCost {billable:f} USD"
    assert answer.out.splitlines()[1].startswith(f"not in it: {unknown} calls without a known price")
    assert all(row["ChargePeriodStart"].endswith("Z") for row in rows)
    tagged = [json.loads(row["Tags"]) for row in rows if row["Tags"]]
    assert any("customer" in tags and "event" in tags for tags in tagged)
    assert all(row["x_CostIds"].startswith("cost_") for row in rows)
    parquet = tmp_path / "f.parquet"
    assert cli("export", "focus", "--data", lake_dir, "--out", parquet, "--grain", "call").code == 0
    assert problems(pl.read_parquet(parquet).cast(dict(SCHEMA))) == []  # type: ignore[arg-type]


def test_a_period(lake_dir: Path) -> None:
    with Lake.open(lake_dir, read_only=True) as lake:
        edge = lake.read("SELECT median(occurred_at) AS m FROM costs")["m"][0]
        halves = [rows_of(lake, "call", Period(None, edge)), rows_of(lake, "call", Period(edge, None))]
        assert sum(half["BilledCost"].sum() for half in halves) == lake.read(BILLABLE).item()
