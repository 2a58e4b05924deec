"""Reading price data out of installed packages, wheels and files: as text, never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pricing_tables.catalog import Catalog, CatalogData
from pricing_tables.importers.book import open_book
from pricing_tables.importers.build import lay_over
from pricing_tables.importers.carry import carry
from pricing_tables.importers.fresh import fresh
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.importers.genai_source import read_providers
from pricing_tables.importers.litellm import import_litellm
from pricing_tables.importers.past import cache_name, pinned, read_cache
from pricing_tables.importers.releases import FILES, GENAI_PRICES, LITELLM, SourceError, installed, read_release
from tests.pricing_tables.conftest import NOON
from tests.pricing_tables.releases import SAMPLE, chat, genai, litellm, model, prices, rates, sample, wheel


def test_a_wheel_and_the_installed_package_give_the_same_catalog(tmp_path: Path) -> None:
    release = installed(GENAI_PRICES)
    again = read_release(wheel(tmp_path / "genai.whl", release))
    assert again == release
    assert import_genai_prices(again).catalog_id == import_genai_prices().catalog_id


def test_litellms_map_is_read_from_a_wheel_or_alone(tmp_path: Path) -> None:
    packed = read_release(wheel(tmp_path / "litellm.whl", sample()))
    alone = read_release(SAMPLE)
    assert (packed.name, alone.package) == ("litellm 1.110.2", LITELLM)
    assert alone.version.startswith("file ")
    assert packed.main == alone.main


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("notes.txt", "hello", "neither a wheel nor a JSON file"),
        ("gone.json", None, "no such file"),
        ("odd.json", b"\xff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_price_data(tmp_path: Path, name: str, content: str | bytes | None, told: str) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=told):
        read_release(path)


def test_a_wheel_of_something_else(tmp_path: Path) -> None:
    release = type(sample())("httpx", "1.0", {"httpx/data.py": ""})
    with pytest.raises(SourceError, match="httpx is not a known price source"):
        read_release(wheel(tmp_path / "x.whl", release))
    empty = type(sample())(LITELLM, "1.0", {})
    with pytest.raises(SourceError, match=f"no {FILES[LITELLM][0]}"):
        read_release(wheel(tmp_path / "y.whl", empty))


@pytest.mark.parametrize("text", ["providers: list = [print('x'.upper())]", "providers: list = open", "x = (", "x = 1"])
def test_a_data_module_is_never_run(text: str) -> None:
    with pytest.raises(SourceError, match="genai-prices: "):
        read_providers(text)


def test_a_cache_must_hold_every_pinned_release(tmp_path: Path) -> None:
    wanted = list(pinned())
    assert {package for package, _, _ in wanted} == {GENAI_PRICES, LITELLM}
    assert [(package, day) for package, _, day in wanted] == sorted((package, day) for package, _, day in wanted)
    path = tmp_path / cache_name(LITELLM, wanted[-1][1], FILES[LITELLM][0])
    path.parent.mkdir()
    path.write_text("{}")
    assert read_cache(tmp_path, wanted[-1:]).newest(LITELLM).release.main == "{}"
    with pytest.raises(SourceError, match="is not in the cache"):
        read_cache(tmp_path, wanted)


def test_a_source_that_is_not_at_hand_is_said(without_litellm: None) -> None:
    with pytest.raises(SourceError, match=r"litellm is not installed: pip install litellm, or --file WHEEL"):
        fresh(LITELLM, [], None)


def test_without_litellm_its_prices_stay_those_of_the_older_catalog(without_litellm: None, catalog: Catalog) -> None:
    assert fresh("all", [], catalog.data) == (catalog.data, [])
    newer = genai(model("gpt-4o", "2.5", "11"), model("newcomer", "1", "2"), version="0.3.0")
    data = lay_over(newer, catalog.data, NOON)
    assert data.source_version == "0.3.0+1.110.2"
    assert [prices(row)["output_mtok"] for row in rates(data, "openai/gpt-4o")] == [11]
    assert rates(data, "openai/newcomer")
    for kept in (
        "deepinfra/meta-llama/Llama-3.3-70B-Instruct",
        "mistral/mistral-large-latest",
        "anthropic/claude-opus-5",
    ):
        assert rates(data, kept), kept


def test_each_source_alone(tmp_path: Path) -> None:
    file = wheel(tmp_path / "litellm.whl", sample())
    assert fresh(LITELLM, [file], None)[0].catalog_id == import_litellm(sample()).catalog_id
    assert fresh(GENAI_PRICES, [], None)[0].catalog_id == import_genai_prices().catalog_id
    with pytest.raises(SourceError, match="needs a file of genai-prices, not of litellm"):
        fresh(GENAI_PRICES, [file], None)


def carried(new: CatalogData, old: CatalogData) -> CatalogData:
    book = open_book(new)
    carry(book, old, NOON)
    return book.data("both", "2", "MIT")


def test_a_newer_catalog_keeps_the_models_and_special_prices_that_only_an_older_one_knows() -> None:
    batch = (
        ", price_variants=[PriceVariant(when={'processing': 'batch'}, prices=ModelPrice(input_mtok=Decimal('0.5')))]"
    )
    old = import_genai_prices(genai(model("m", "1", "2", batch), model("moved", "5", "6"), model("gone", "3", "4")))
    data = carried(import_genai_prices(genai(model("m", "1", "2"), model("moved", "7", "8"))), old)
    assert prices(rates(data, "openai/gone")[0]) == {"input_mtok": 3, "output_mtok": 4}
    assert prices(rates(data, "openai/m", processing="batch")[0])["input_mtok"] == 0.5
    # Of a model that it has, the newer genai-prices knows better.
    assert [prices(row)["input_mtok"] for row in rates(data, "openai/moved")] == [7]


def test_a_price_without_dates_that_moved_since_the_older_catalog_moves_on_the_day_of_the_import() -> None:
    old = import_litellm(litellm({"n": chat("openai", "4", "9")}))
    data = carried(import_litellm(litellm({"n": chat("openai", "3", "9")})), old)
    before, after = rates(data, "openai/n")
    assert (float(before["input_mtok"]), float(after["input_mtok"])) == (4, 3)
    assert before["valid_to"] == after["valid_from"]
