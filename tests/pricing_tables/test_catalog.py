"""Catalogs: imported whole, the same bytes each time, refused when damaged; as tables for SQL."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pricing_tables.catalog import DATA_DIR, KEY_SCHEMA, Catalog, CatalogData, CatalogError, load_catalog, write_catalog
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.match import equal_names
from pricing_tables.price import price_calls
from pricing_tables.rates import catalogs_frame, list_models, rates_frame, show
from tests.pricing_tables.conftest import NOON, call, frame

FILES = ("manifest.json", "models.parquet", "providers.parquet", "rates.parquet")


@pytest.fixture(scope="module")
def imported() -> CatalogData:
    return import_genai_prices()


@pytest.fixture(scope="module")
def genai(imported: CatalogData, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A catalog of genai-prices alone."""
    return write_catalog(imported, tmp_path_factory.mktemp("genai"))


def test_the_shipped_catalog_holds_every_model_of_its_first_source(imported: CatalogData, catalog: Catalog) -> None:
    assert catalog.source_version == f"{imported.source_version}+1.110.2"
    ids = pl.concat_str("provider", "model", separator="/")
    known = set(catalog.data.models.select(ids).to_series())
    assert set(imported.models.select(ids).to_series()) <= known


def test_the_shipped_catalog_is_small_and_says_of_every_other_row_where_it_comes_from(catalog: Catalog) -> None:
    assert sum((DATA_DIR / name).stat().st_size for name in FILES) < 3_000_000
    ours = catalog.rates.filter(pl.col("provider") == "deepinfra")
    assert ours.height > 100
    assert ours["note"].str.contains("litellm").all()


def test_every_model_has_a_standard_price_at_every_moment(catalog: Catalog) -> None:
    whole = pl.all_horizontal(pl.col("processing", "service_tier", "condition", "region").is_null())
    for _, rows in catalog.rates.filter(whole & (pl.col("tier_min") == 0)).group_by("model"):
        starts = rows["valid_from"].unique().sort(nulls_last=False).to_list()
        ends = rows["valid_to"].unique().sort(nulls_last=True).to_list()
        assert (starts[0], ends[-1]) == (None, None), rows["model"][0]
        assert starts[1:] == ends[:-1], rows["model"][0]


def test_the_same_import_gives_the_same_bytes_and_keeps_its_first_date(imported: CatalogData, tmp_path: Path) -> None:
    first = write_catalog(imported, tmp_path, imported_at=datetime(2026, 11, 1, tzinfo=UTC))
    bytes_before = [(tmp_path / name).read_bytes() for name in FILES]
    again = write_catalog(imported, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in FILES] == bytes_before
    assert again.imported_at == first.imported_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert again.rates["rate_id"].equals(first.rates["rate_id"])


def test_the_manifest_says_where_the_prices_come_from() -> None:
    manifest = json.loads((DATA_DIR / "manifest.json").read_text())
    assert (manifest["source"], manifest["source_version"], manifest["licence"]) == (
        "genai-prices+litellm",
        "0.2.3+1.110.2",
        "MIT",
    )
    counts = manifest["counts"]
    assert (counts["providers"], counts["models"]) == (128, 5922)
    assert min(counts["rates_with_start_date"], counts["rates_with_tier"], counts["rates_with_variant"]) > 200


def test_a_catalog_that_was_edited_by_hand_is_refused(imported: CatalogData, tmp_path: Path) -> None:
    write_catalog(imported, tmp_path)
    dearer = imported.rates.with_columns((pl.col("input_mtok") * 2).cast(pl.Decimal(38, 18)).alias("input_mtok"))
    dearer.write_parquet(tmp_path / "rates.parquet")
    with pytest.raises(CatalogError, match="does not match its manifest"):
        load_catalog(tmp_path)


def test_a_missing_or_broken_catalog_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no price catalog"):
        load_catalog(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(CatalogError, match="cannot be read"):
        load_catalog(tmp_path)


def test_rates_are_one_row_per_id_over_all_catalogs(catalog: Catalog, imported: CatalogData, tmp_path: Path) -> None:
    other = CatalogData("genai-prices", "next", "MIT", imported.rates, imported.models, imported.providers)
    both = pl.concat([rates_frame(catalog), rates_frame(write_catalog(other, tmp_path))])
    assert both["rate_id"].n_unique() == both.height
    assert pl.concat([catalogs_frame(catalog)])["catalog_id"].to_list() == [catalog.catalog_id]


def test_costs_join_their_rates_in_sql(catalog: Catalog) -> None:
    costs = price_calls(
        frame(
            call("openai", "gpt-4o", input_tokens=1_000, output_tokens=100),
            call("openai", "gpt-4o", input_tokens=1_000, output_tokens=100, batch=True),
            call("azure", "gpt-4.1", input_tokens=1_000, output_tokens=100),
            call("x-ai", "grok-4.3", input_tokens=200_000, output_tokens=100),
            call("openai", "no-such-model", input_tokens=1_000, output_tokens=100),
        ),
        catalog,
    )
    rates = rates_frame(catalog)
    with duckdb.connect() as connection:
        connection.register("costs", costs.to_arrow())
        connection.register("rates", rates.to_arrow())
        joined = connection.sql(
            "SELECT rates.model, processing, tier_min, input_mtok, output_mtok, costs.cost_usd "
            "FROM costs JOIN rates USING (rate_id, catalog_id) ORDER BY ALL"
        ).fetchall()
    assert [(row[0], row[1], row[2]) for row in joined] == [
        ("azure/gpt-4.1", None, 0),
        ("openai/gpt-4o", "batch", 0),
        ("openai/gpt-4o", None, 0),
        ("x-ai/grok-4.3", None, 200_000),
    ]
    for _, _, tier_min, input_mtok, output_mtok, cost in joined:
        assert cost == (max(tier_min, 1_000) * input_mtok + 100 * output_mtok) / 10**6


def test_every_rate_of_the_catalog_can_be_reached_by_a_card(catalog: Catalog) -> None:
    usable = catalog.rates.filter(pl.col("condition").is_null())
    assert set(usable["rate_id"]) == set(catalog.cards.cells["rate_id"].drop_nulls())


def test_periods_of_a_model_are_gapless_and_do_not_overlap(catalog: Catalog) -> None:
    keys = [name for name in KEY_SCHEMA if name not in ("provider", "valid_from", "valid_to", "window_end")]
    for _, rows in catalog.rates.group_by(keys):
        ordered = rows.sort("valid_from", nulls_last=False)
        ends, starts = ordered["valid_to"].to_list()[:-1], ordered["valid_from"].to_list()[1:]
        # A tier or variant may come and go; what there is never overlaps.
        assert all(end is not None and end <= start for end, start in zip(ends, starts, strict=True))


def test_listing_models_at_a_date(catalog: Catalog) -> None:
    def o3(day: date) -> Decimal:
        rows = list_models(catalog, "openai", datetime(day.year, day.month, day.day, tzinfo=UTC))
        (row,) = [row for row in rows if row["model"] == "openai/o3"]
        price: Decimal = row["input_mtok"]
        return price

    assert (o3(date(2025, 6, 9)), o3(date(2025, 6, 10))) == (10, 2)
    assert len(list_models(catalog)) == 5922
    assert list_models(catalog, "nobody") == []


def test_showing_a_model_by_any_of_its_names(catalog: Catalog) -> None:
    rows = show(catalog, "x-ai/grok-4.3", NOON)
    assert [(row["processing"], row["tier_min"]) for row in rows if not row["processing"]] == [
        (None, 0),
        (None, 200_000),
    ]
    assert show(catalog, "openai/gpt-4o-2024-08-06")[0]["model"] == "openai/gpt-4o"
    assert show(catalog, "gpt-4o")[0]["model"] == "openai/gpt-4o"
    assert show(catalog, "openai/gpt-99") == []


def test_prices_equal_the_sources_own_engine(genai: Catalog, imported: CatalogData) -> None:
    """A random sample over all models and three years, against the source's per-call engine in exact decimals."""
    from genai_prices import Usage, calc_price

    choose = random.Random(7)
    calls, expected = [], []
    while len(calls) < 1_500:
        model = imported.models.row(choose.randrange(imported.models.height), named=True)
        names = equal_names(json.loads(model["match"]))
        if not names:
            continue
        moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=choose.randrange(60 * 24 * 1000))
        total = choose.choice([1, 1_000, 128_000, 128_001, 199_999, 200_000, 200_001, 272_001, 600_001])
        read, short, long = (choose.choice([0, total // part]) for part in (3, 5, 7))
        usage = {"input_tokens": total, "cache_read_tokens": read, "output_tokens": choose.choice([0, 1, 12_345])}
        written = {"cache_write_5m_tokens": short, "cache_write_1h_tokens": long}
        special = choose.choice([{}, {"processing": "batch"}, {"service_tier": "flex"}, {"service_tier": "priority"}])
        name = choose.choice(names)
        quote = calc_price(
            Usage(**usage, **written, cache_write_tokens=short + long),
            name,
            provider_id=model["provider"],
            genai_request_timestamp=moment,
            price_context=special,
        )
        expected.append(quote.total_price)
        wanted = {"batch": special.get("processing") == "batch", "service_tier": special.get("service_tier")}
        calls.append(call(model["provider"], name, occurred_at=moment, **usage, **written, **wanted))
    priced = price_calls(frame(*calls), genai).to_dicts()
    for row, cost in zip(priced, expected, strict=True):
        if row["cost_usd"] is None:
            # Where the source has no token price it answers 0; an unknown cost is not 0.
            assert cost == 0, row
        else:
            assert abs(row["cost_usd"] - cost) <= Decimal("2e-12"), row
            if cost == round(cost, 12):
                assert row["cost_usd"] == cost, row
