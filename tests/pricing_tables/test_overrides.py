"""What a call costs under the operator's own rules: discounts, contracts, own machines, aliases, currencies."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pricing_tables.catalog import load_catalog
from pricing_tables.fx import FxTable
from pricing_tables.overrides import WAITING, price_with_rules
from pricing_tables.own_book import OwnBook, own_rates
from pricing_tables.price import price_calls
from tests.pricing_tables.conftest import call
from tests.pricing_tables.own import PARTS, Own, own_frame

USAGE = {"input_tokens": 1000, "output_tokens": 100}
CONTRACT = {
    "input_mtok": "1.10",
    "output_mtok": "4.40",
    "cache_read_mtok": "0.275",
    "tiers": [{"tier_min": 200_001, "input_mtok": "2.20"}],
}
FLAT = {"name": "eu", "provider": "scaleway", "prices": {"input_mtok": "0.9", "output_mtok": "0.9"}}
EURO = {"currency": "EUR", "usd": "1.0834", "from": "2026-11-01"}


def listed(provider: str, model: str, **fields: Any) -> Decimal:
    """The list price."""
    cost = Own().cost(provider, model, **fields)
    assert cost is not None
    return cost


def test_without_rules_it_is_the_list_price_unchanged() -> None:
    calls = own_frame(call("openai", "gpt-5", **USAGE), call("nobody", "house-model", **USAGE))
    catalog = load_catalog()
    assert price_with_rules(calls, catalog, OwnBook(), FxTable()).equals(price_calls(calls, catalog))


def test_calls_that_no_rule_is_for_keep_their_list_price() -> None:
    own = Own({"name": "d", "provider": "anthropic", "discount_pct": 50}, {"name": "z", "customer": "x", "zero": True})
    calls = own_frame(call("openai", "gpt-5", **USAGE), call("nobody", "house-model", **USAGE))
    assert own.frame(calls).equals(price_calls(calls, own.catalog))


class TestDiscount:
    own = Own({"name": "contract", "provider": "openai", "model": "gpt-5*", "discount_pct": Decimal("12.5")})

    def test_every_part_is_scaled_and_the_rule_is_named(self) -> None:
        usage = {"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 7}
        row, full = self.own.one("openai", "gpt-5", **usage), Own().one("openai", "gpt-5", **usage)
        assert [row[part] for part in PARTS] == [full[part] * Decimal("0.875") for part in PARTS]
        assert (row["price_rule"], row["status"]) == ("contract", "priced")
        assert (row["rate_id"], row["catalog_id"]) == (full["rate_id"], full["catalog_id"])

    def test_a_half_picodollar_goes_to_the_even_one(self) -> None:
        half = Own({"name": "half", "multiplier": "0.000001"})
        # $0.15 and $0.25 per million input tokens: 0.15 and 0.25 picodollars a token after scaling
        assert half.cost("openai", "gpt-4o-mini", input_tokens=10, output_tokens=0) == Decimal("2e-12")  # 1.5
        assert half.cost("openai", "gpt-5-mini", input_tokens=10, output_tokens=0) == Decimal("2e-12")  # 2.5
        assert half.cost("openai", "gpt-5-mini", input_tokens=14, output_tokens=0) == Decimal("4e-12")  # 3.5

    def test_what_has_no_list_price_gets_none(self) -> None:
        row = Own({"name": "d", "discount_pct": 10}).one("openai", "house-model-9", **USAGE)
        assert (row["status"], row["cost_usd"], row["price_rule"]) == ("unpriced", None, "d")
        assert row["rate_note"] == "unknown model: house-model-9"

    def test_a_reported_cost_is_what_was_paid_already(self) -> None:
        row = self.own.one("openai", "gpt-5-unheard-of", reported_cost_usd=Decimal("0.5"), **USAGE)
        assert (row["status"], row["cost_usd"]) == ("reported", Decimal("0.5"))

    def test_more_than_the_lake_can_hold_is_no_price(self) -> None:
        row = Own({"name": "x", "multiplier": 1000}).one("openai", "gpt-5", input_tokens=10**9, output_tokens=10**9)
        assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, "cost out of range")


class TestZero:
    def test_it_is_zero_rated_whoever_says_what_it_costs(self) -> None:
        own = Own({"name": "sandbox", "provider": "openai", "zero": True}, trust="prefer")
        row = own.one("openai", "gpt-5", reported_cost_usd=Decimal(3), **USAGE)
        assert (row["status"], row["cost_usd"], row["price_rule"]) == ("zero_rated", 0, "sandbox")
        assert row["rate_id"] is None

    def test_also_for_models_that_nobody_knows(self) -> None:
        row = Own({"name": "local", "provider": "ollama", "zero": True}).one("ollama", "Llama3.2:1b", **USAGE)
        assert (row["status"], row["model"], row["match"]) == ("zero_rated", "ollama/Llama3.2:1b", "override")


class TestOwnPrices:
    own = Own({"name": "contract", "provider": "openai", "model": "gpt-5", "prices": CONTRACT})

    def test_caches_and_tiers_work_like_those_of_the_list(self) -> None:
        usage = {"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 10}
        dollars = (600 * Decimal("1.1") + 400 * Decimal("0.275") + 10 * Decimal("4.4")) / 10**6
        assert self.own.cost("openai", "gpt-5", **usage) == dollars
        below, above = (self.own.cost("openai", "gpt-5", input_tokens=n, output_tokens=1) for n in (200_000, 200_001))
        assert below == (200_000 * Decimal("1.1") + Decimal("4.4")) / 10**6
        assert above == (200_001 * Decimal("2.2") + Decimal("4.4")) / 10**6

    def test_the_row_names_its_rate_in_the_own_book(self) -> None:
        row = self.own.one("openai", "gpt-5-2025-08-07", **USAGE)
        rates = own_rates(self.own.book).filter(pl.col("rate_id") == row["rate_id"]).to_dicts()
        assert [(rate["input_mtok"], rate["note"]) for rate in rates] == [(Decimal("1.1"), "contract")]
        assert rates[0]["catalog_id"] == row["catalog_id"]
        assert (row["model"], row["provider"], row["price_rule"]) == ("openai/gpt-5", "openai", "contract")

    def test_a_batch_without_a_price_of_its_own_says_so(self) -> None:
        row = self.own.one("openai", "gpt-5", batch=True, **USAGE)
        assert row["rate_note"] == "standard rate used: no batch rate"

    def test_prices_for_batches_alone_are_no_stand_in(self) -> None:
        batch = {"name": "batch", "provider": "openai", "batch": True, "prices": {"input_mtok": 1, "output_mtok": 1}}
        own = Own(batch)
        row = own.one("openai", "gpt-5", batch=True, **USAGE)
        assert (row["cost_usd"], row["rate_note"]) == (Decimal("0.0011"), None)
        assert own.one("openai", "gpt-5", **USAGE)["price_rule"] is None

    @pytest.mark.parametrize("name", ["house-7b", "House-7B", "house-70b"])
    def test_names_that_only_the_own_servers_know(self, name: str) -> None:
        own = Own(
            {"name": "gpu", "provider": "vllm", "model": "house-7*", "prices": {"input_mtok": 1, "output_mtok": 2}}
        )
        row = own.one("vllm", name, **USAGE)
        assert (row["cost_usd"], row["model"], row["match"]) == (Decimal("0.0012"), f"vllm/{name}", "override")

    def test_no_usage_is_no_price(self) -> None:
        row = self.own.one("openai", "gpt-5", usage_source="missing")
        assert (row["status"], row["rate_note"], row["price_rule"]) == ("unpriced", "no usage", "contract")

    def test_the_senders_figure_goes_before_it_where_that_is_preferred(self) -> None:
        own = Own({"name": "contract", "provider": "openai", "prices": CONTRACT}, trust="prefer")
        row = own.one("openai", "gpt-5", reported_cost_usd=Decimal("0.3"), **USAGE)
        assert (row["status"], row["cost_usd"]) == ("reported", Decimal("0.3"))


class TestWhichRule:
    def chosen(self, *entries: dict[str, Any], **fields: Any) -> str | None:
        """The rule for a call of gpt-5-mini."""
        named = [{"multiplier": "0.5", **entry} for entry in entries]
        rule: str | None = Own(*named).one("openai", "gpt-5-mini", **{**USAGE, **fields})["price_rule"]
        return rule

    def test_customer_then_provider_and_model_then_model_then_provider(self) -> None:
        entries: list[dict[str, Any]] = [
            {"name": "anything"},
            {"name": "provider", "provider": "openai"},
            {"name": "model", "model": "gpt-5-mini"},
            {"name": "both", "model": "gpt-5-mini", "provider": "openai"},
            {"name": "customer", "customer": "acme"},
        ]
        for number in range(len(entries), 0, -1):
            expected = entries[number - 1]["name"]
            assert self.chosen(*entries[:number], customer_id="acme") == expected
            assert self.chosen(*reversed(entries[:number]), customer_id="acme") == expected

    def test_a_whole_name_before_a_longer_beginning_before_a_shorter(self) -> None:
        entries = [{"name": name, "model": name} for name in ("gpt-5*", "gpt-5-mini", "gpt-5-m*")]
        for entry in entries:
            entry["name"] = entry["name"].replace("*", "+")
        assert self.chosen(*entries) == "gpt-5-mini"
        assert self.chosen(entries[0], entries[2]) == "gpt-5-m+"

    def test_then_the_latest_start_then_the_order_of_the_file(self) -> None:
        old, new = {"name": "old", "provider": "openai"}, {"name": "new", "provider": "openai", "from": "2026-11-01"}
        assert self.chosen(old, new) == "new"
        tier, region = {"name": "tier", "service_tier": "default"}, {"name": "eu", "region": "eu*"}
        assert self.chosen(tier, region, region="eu-west-1") == "tier"
        assert self.chosen(region, tier, region="eu-west-1") == "eu"

    @pytest.mark.parametrize(
        ("moment", "rule"),
        [
            ("2026-09-30T23:59:59.999999", None),
            ("2026-10-01T00:00:00", "quarter"),
            ("2026-12-31T23:59:59.999999", "quarter"),
            ("2027-01-01T00:00:00", None),
        ],
    )
    def test_a_rule_holds_from_its_start_until_just_before_its_end(self, moment: str, rule: str | None) -> None:
        entry = {"name": "quarter", "from": "2026-10-01", "to": "2027-01-01"}
        assert self.chosen(entry, occurred_at=datetime.fromisoformat(moment).replace(tzinfo=UTC)) == rule

    def test_when_the_special_one_ends_the_general_one_holds(self) -> None:
        entries = [{"name": "special", "model": "gpt-5-mini", "to": "2026-11-01"}, {"name": "general"}]
        assert self.chosen(*entries) == "general"
        assert self.chosen(*entries, occurred_at=datetime(2026, 10, 1, tzinfo=UTC)) == "special"

    def test_who_bills_decides_not_who_made_the_model(self) -> None:
        own = Own({"name": "maker", "provider": "openai", "zero": True})
        assert own.one("azure", "gpt-4o", **USAGE)["price_rule"] is None
        assert own.one(None, "gpt-4o", **USAGE)["price_rule"] == "maker"

    def test_a_deployment_called_like_another_model_is_not_that_model(self) -> None:
        own = Own({"name": "old", "model": "gpt-4", "zero": True}, {"name": "ptu", "model": "my-ptu", "zero": True})
        assert own.one("azure", "gpt-4o", request_model="gpt-4", **USAGE)["price_rule"] is None
        assert own.one("azure", "gpt-4o", request_model="my-ptu", **USAGE)["price_rule"] == "ptu"

    def test_a_customer_without_a_rule_is_anybody(self) -> None:
        assert self.chosen({"name": "acme", "customer": "acme"}, customer_id="other") is None
        assert self.chosen({"name": "acme", "customer": "acme"}) is None


class TestOwnMachines:
    own = Own(
        {"name": "a100", "provider": "vllm", "per_second": "0.00042"},
        {"name": "pool", "provider": "tgi", "per_hour": "2.49"},
    )

    def test_a_call_costs_its_time_whatever_it_used(self) -> None:
        row = self.own.one("vllm", "house", duration_ns=1_500_000_001, usage_source="missing")
        # 1.500000001 s x 0.00042 $/s = 0.00063000000042
        assert (row["cost_usd"], row["other_cost_usd"]) == (Decimal("0.000630000000"), Decimal("0.00063"))
        assert row["status"] == "priced"
        rates = own_rates(self.own.book).filter(pl.col("rate_id") == row["rate_id"])
        assert rates["compute_hours"].to_list() == [Decimal("1.512")]

    @pytest.mark.parametrize(("duration", "why"), [(None, "no duration"), (-1, "invalid duration")])
    def test_without_its_time_it_has_no_price(self, duration: int | None, why: str) -> None:
        row = self.own.one("vllm", "house", duration_ns=duration, **USAGE)
        assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, why)

    def test_the_senders_figure_stands_in_where_it_may(self) -> None:
        row = self.own.one("vllm", "house", reported_cost_usd=Decimal("0.1"), **USAGE)
        assert (row["status"], row["cost_usd"]) == ("reported", Decimal("0.1"))
        assert row["rate_note"] == "reported cost used: no duration"

    def test_a_shared_hour_waits_until_it_is_over(self) -> None:
        row = self.own.one("tgi", "house", **USAGE)
        assert (row["status"], row["cost_usd"], row["rate_note"]) == ("unpriced", None, WAITING)
        assert row["price_rule"] == "pool"

    def test_a_call_without_a_time_is_in_no_hour(self) -> None:
        assert self.own.one("tgi", "house", occurred_at=None, **USAGE)["rate_note"] == "no time"


class TestAliases:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
    aliases = (
        {"provider": "azure", "name": "My-Prod", "model": "gpt-4o-mini", "to": "2026-11-01"},
        {"provider": "azure", "name": "my-prod", "model": "azure/gpt-4o", "from": "2026-11-01"},
        {"provider": "aws", "name": arn, "model": "anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"name": "house-name", "model": "openai/gpt-4o"},
    )
    own = Own(alias=aliases)

    def test_a_deployment_is_priced_as_its_model(self) -> None:
        (row,) = self.own(call("azure", None, request_model="my-prod", **USAGE))
        assert (row["model"], row["match"]) == ("azure/gpt-4o", "override")
        assert row["cost_usd"] == listed("azure", "gpt-4o", **USAGE)
        assert (row["provider"], row["request_model"], row["response_model"]) == ("azure", "my-prod", None)

    def test_an_alias_has_its_time(self) -> None:
        october = datetime(2026, 10, 31, tzinfo=UTC)
        (row,) = self.own(call("azure", None, request_model="my-prod", occurred_at=october, **USAGE))
        assert row["model"] == "azure/gpt-4o-mini"

    def test_an_application_profile_is_priced_as_its_model(self) -> None:
        (row,) = self.own(call("aws", None, request_model=self.arn, **USAGE))
        assert row["cost_usd"] == listed("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0", **USAGE)
        assert row["match"] == "override"

    def test_a_provider_that_no_catalog_knows_is_billed_by_the_aliass_own(self) -> None:
        row = self.own.one("my-proxy", "house-name", **USAGE)
        assert (row["model"], row["cost_usd"]) == ("openai/gpt-4o", listed("openai", "gpt-4o", **USAGE))

    def test_the_rules_see_the_meant_model(self) -> None:
        own = Own({"name": "d", "provider": "azure", "model": "gpt-4o", "multiplier": "0.5"}, alias=self.aliases)
        (row,) = own(call("azure", None, request_model="my-prod", **USAGE))
        assert row["cost_usd"] == listed("azure", "gpt-4o", **USAGE) / 2

    def test_another_providers_deployment_of_that_name_is_not_meant(self) -> None:
        assert self.own.one("openai", "my-prod", **USAGE)["status"] == "unpriced"


class TestCurrencies:
    own = Own({**FLAT, "currency": "EUR"}, fx=[EURO, {"currency": "EUR", "usd": "1.1", "from": "2026-12-01"}])

    def test_the_row_has_dollars_and_the_original(self) -> None:
        row = self.own.one("scaleway", "mistral-small", **USAGE)
        assert (row["original_currency"], row["original_cost"]) == ("EUR", Decimal("0.00099"))
        assert (row["fx_rate"], row["cost_usd"]) == (Decimal("1.0834"), Decimal("0.00099") * Decimal("1.0834"))

    def test_the_rate_of_the_day_counts(self) -> None:
        day = datetime(2026, 12, 1, tzinfo=UTC)
        assert self.own.one("scaleway", "x", occurred_at=day, **USAGE)["fx_rate"] == Decimal("1.1")

    def test_without_a_rate_for_the_day_there_is_no_price(self) -> None:
        day = datetime(2026, 10, 31, tzinfo=UTC)
        row = self.own.one("scaleway", "x", occurred_at=day, **USAGE)
        assert (row["status"], row["cost_usd"]) == ("unpriced", None)
        assert row["rate_note"] == "no exchange rate for EUR on 2026-10-31"
        assert {row[name] for name in (*PARTS, "original_cost", "fx_rate", "rate_id")} == {None}

    def test_dollars_have_no_original(self) -> None:
        row = Own(FLAT).one("scaleway", "x", **USAGE)
        assert (row["original_currency"], row["cost_usd"]) == (None, Decimal("0.00099"))

    def test_machines_may_be_paid_in_another_currency(self) -> None:
        own = Own({"name": "gpu", "provider": "vllm", "per_second": "0.001", "currency": "EUR"}, fx=[EURO])
        row = own.one("vllm", "house", duration_ns=2 * 10**9)
        assert (row["original_cost"], row["cost_usd"]) == (Decimal("0.002"), Decimal("0.0021668"))


@pytest.mark.parametrize("trust", ["never", "fallback", "prefer"])
def test_the_senders_figure_stays_beside_ours(trust: Any) -> None:
    own = Own(
        {"name": "d", "provider": "openai", "discount_pct": 10},
        {"name": "z", "provider": "ollama", "zero": True},
        trust=trust,
    )
    figure = Decimal("0.123456789012")
    rows = own(*(call(who, "gpt-5", reported_cost_usd=figure, **USAGE) for who in ("openai", "ollama", "azure")))
    assert {row["reported_cost_usd"] for row in rows} == {figure}
