"""The calls that pricing is measured with: the same each time, and a mix that a real product has."""

from benchmarks.model_calls import MODELS, model_calls
from pricing_tables.catalog import load_catalog
from pricing_tables.price import price_calls


def test_the_same_seed_gives_the_same_calls_and_another_one_does_not():
    assert model_calls(1_000, seed=3).equals(model_calls(1_000, seed=3))
    assert not model_calls(1_000, seed=3).equals(model_calls(1_000, seed=4))


def test_all_models_occur_and_only_the_unlisted_one_has_no_price():
    priced = price_calls(model_calls(20_000), load_catalog())

    assert priced["request_model"].n_unique() == len(MODELS)
    unpriced = priced.filter(priced["status"] != "priced")
    assert unpriced["request_model"].unique().to_list() == ["an-unlisted-model"]
    assert set(unpriced["rate_note"]) == {"unknown model: an-unlisted-model"}


def test_the_mix_has_caches_long_prompts_reasoning_and_special_rates():
    calls = model_calls(20_000)

    share = {name: 1 - calls[name].null_count() / calls.height for name in calls.columns}
    assert 0.35 < share["cache_read_tokens"] < 0.45
    assert 0.1 < share["cache_write_5m_tokens"] < 0.2
    assert 0.01 < (calls["input_tokens"] >= 200_000).mean() < 0.03
    assert 0.01 < share["service_tier"] + share["batch"] < 0.05
    assert share["reasoning_tokens"] > 0.1
