"""Calls without usage on their way into the lake: estimated from what the wire carries, of which nothing is kept."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lake.connect import Lake
from marginlake.config import Config
from marginlake.estimates import estimate_stored
from marginlake.rules import Rules
from pricing_tables.tokens import Tokenizers
from receiver.dialects.schema import CALL_SCHEMA
from receiver.journal.record import Record
from tests.marginlake.lakes import (
    broken,
    captured,
    differences,
    fill,
    in_batches,
    land_batches,
    rules,
    span_by_span,
    traces,
)
from tests.new_lakes import empty_lake
from tests.pricing_tables.tiny_ranks import REGISTRY, installed
from tests.receiver.otlp_payloads import DATA, event, payload, span

SHOWN = "usage_source, usage_note, status, rate_note, input_tokens, output_tokens, cost_usd"


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """The rules of a service whose rank file (of a tokenizer that counts bytes) is installed."""
    folder = tmp_path_factory.mktemp("ranks")
    installed(folder)
    return replace(rules(), tokens=Tokenizers([folder], REGISTRY))


@pytest.fixture
def without_ranks(tmp_path: Path) -> Rules:
    return replace(rules(), tokens=Tokenizers([tmp_path], REGISTRY))


def recorded(name: str) -> Record:
    return traces((DATA / "dialects" / f"{name}.pb").read_bytes())


def chat(span_id: int = 1, **attributes: object) -> Record:
    """A call of gpt-4o without usage, its prompt and answer in the indexed attributes of OpenLLMetry."""
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "ping",
        "gen_ai.completion.0.content": "pong!",
        **attributes,
    }
    known: dict[str, object] = {key: value for key, value in said.items() if value is not None}
    return traces(payload(span(known, name="chat", span_id=bytes([span_id]) * 8)))


def costs(data_dir: Path, records: list[Record], given: Rules) -> list[dict[str, Any]]:
    """The rows of `costs` after landing these records in a fresh lake."""
    fill(data_dir, [records], given)
    with Lake.open(data_dir, read_only=True, threads=1) as lake:
        return lake.read(f"SELECT {SHOWN} FROM costs ORDER BY cost_id").to_dicts()


@pytest.mark.parametrize(
    "name",
    ["traceloop-openai_stream_nousage", "traceloop-0.40-openai_stream_nousage", "openinference-litellm_stream_nousage"],
)
def test_a_recorded_stream_without_usage_is_estimated_and_priced(tmp_path: Path, counting: Rules, name: str) -> None:
    (row,) = costs(tmp_path / "lake", [recorded(name)], counting)
    assert (row["usage_source"], row["status"]) == ("estimated", "priced")
    assert row["usage_note"] == "tiktoken=o200k_base,reasoning_unseen"
    # "ping" from a user, framed; "pong": gpt-5-mini at 0.25 and 2 dollars a million
    assert (row["input_tokens"], row["output_tokens"]) == (4 + 4 + 3 + 3, 4)
    assert str(row["cost_usd"]) == "0.000011500000"


def test_without_the_rank_file_it_stays_unpriced_and_says_why(tmp_path: Path, without_ranks: Rules) -> None:
    (row,) = costs(tmp_path / "lake", [chat()], without_ranks)
    assert (row["usage_source"], row["status"], row["cost_usd"]) == ("missing", "unpriced", None)
    assert row["rate_note"] == "no usage; tokenizer o200k_base not installed"


def test_without_text_it_stays_unpriced_for_want_of_usage(tmp_path: Path, counting: Rules) -> None:
    (row,) = costs(tmp_path / "lake", [recorded("otel-openai-v2_stream_nousage")], counting)
    assert (row["status"], row["rate_note"], row["usage_note"]) == ("unpriced", "no usage", None)


def test_a_prompt_without_its_answer_is_no_basis(tmp_path: Path, counting: Rules) -> None:
    (row,) = costs(tmp_path / "lake", [recorded("openinference-openai_stream_aborted")], counting)
    assert (row["status"], row["rate_note"]) == ("unpriced", "no usage")


def test_what_was_captured_of_an_aborted_answer_counts(tmp_path: Path, counting: Rules) -> None:
    (row,) = costs(tmp_path / "lake", [chat(**{"gen_ai.completion.0.content": "po"})], counting)
    assert (row["output_tokens"], row["status"]) == (2, "priced")


def test_text_in_span_events(tmp_path: Path, counting: Rules) -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    events = [event("gen_ai.user.message", {"content": "ping"}), event("gen_ai.choice", {"message": "pong!"})]
    (row,) = costs(tmp_path / "lake", [traces(payload(span(dict(said), events=events)))], counting)
    assert (row["input_tokens"], row["output_tokens"], row["status"]) == (14, 5, "priced")


def test_a_guess_of_the_sender_stays_its_own(tmp_path: Path, counting: Rules) -> None:
    (row,) = costs(tmp_path / "lake", [recorded("openlit-openai_stream_nousage")], counting)
    assert (row["usage_source"], row["usage_note"], row["input_tokens"]) == ("estimated", None, 5)


def test_a_cost_that_the_sender_reports_is_worth_more_than_an_estimate(tmp_path: Path, counting: Rules) -> None:
    sent = [chat(**{"gen_ai.usage.cost": "0.25"})]
    (row,) = costs(tmp_path / "trusting", sent, counting)
    assert (row["status"], str(row["cost_usd"]), row["usage_source"]) == ("reported", "0.250000000000", "missing")
    distrusting = replace(counting, price_again=replace(counting.price_again, trust_reported="never"))
    (row,) = costs(tmp_path / "distrusting", sent, distrusting)
    assert (row["status"], row["usage_source"], row["input_tokens"]) == ("priced", "estimated", 14)


def test_a_failed_call_is_not_estimated(tmp_path: Path, counting: Rules) -> None:
    (row,) = costs(tmp_path / "lake", [chat(**{"error.type": "RateLimitError"})], counting)
    assert (row["status"], row["usage_source"]) == ("zero_rated", "missing")


def test_the_text_is_not_kept(tmp_path: Path, counting: Rules) -> None:
    fill(tmp_path / "lake", [[chat(**{"gen_ai.prompt.0.content": "the word is xylophone"})]], counting)
    with Lake.open(tmp_path / "lake", read_only=True, threads=1) as lake:
        stored = json.loads(lake.read("SELECT attributes FROM spans").item())
        assert [key for key in stored if "prompt" in key or "completion" in key] == []
    files = [path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert not any(b"xylophone" in content for content in files)


def test_two_versions_of_a_span_are_each_read_in_their_own_words(tmp_path: Path, counting: Rules) -> None:
    """The version that has more to say wins, whichever came first, and the estimate is of its text."""
    short, long = chat(), chat(**{"gen_ai.completion.0.content": "pong, pong and pong", "app.step": "answer"})
    results = [
        costs(tmp_path / str(place), sent, counting) for place, sent in enumerate(([short, long], [long, short]))
    ]
    assert results[0] == results[1]
    assert results[0][0]["output_tokens"] == 19


def test_all_that_was_captured_gives_the_same_tables_in_any_order(tmp_path: Path, counting: Rules) -> None:
    records = [single for record in captured() for single in span_by_span(record)]
    at_once = land_batches(tmp_path / "at once", [list(captured())], counting)
    chance = random.Random(11)
    chance.shuffle(records)
    shuffled = land_batches(tmp_path / "shuffled", in_batches(records, 4, chance), counting)
    assert differences(at_once, shuffled) == []
    assert broken(tmp_path / "shuffled") == {}


def test_rows_that_stayed_unpriced_are_estimated_from_stored_text(
    tmp_path: Path, counting: Rules, without_ranks: Rules
) -> None:
    """What `marginlake reprice` does once the rank file is there, for those who keep prompts in the lake."""
    keeping = replace(without_ranks, capture_content=True)
    empty_lake(tmp_path / "lake")
    with Lake.open(tmp_path / "lake", threads=1) as lake:
        sent = [chat(1), chat(2, **{"gen_ai.completion.0.content": "pong pong"})]
        fill(lake, [[*sent, recorded("otel-openai-v2_stream_nousage")]], keeping)
        calls = lake.read(f"SELECT {', '.join(CALL_SCHEMA)} FROM costs ORDER BY cost_id")
        with lake.transaction() as tx:
            found = estimate_stored(tx, calls, counting.tokens)
    shown = found.select("usage_source", "usage_note", "input_tokens", "output_tokens").rows()
    assert sorted(shown, key=str) == sorted(
        [
            ("estimated", "tiktoken=o200k_base", 14, 5),
            ("estimated", "tiktoken=o200k_base", 14, 9),
            ("missing", None, None, None),
        ],
        key=str,
    )
    assert found.drop("usage_source", "usage_note", "input_tokens", "output_tokens").equals(
        calls.drop("usage_source", "usage_note", "input_tokens", "output_tokens")
    )


def test_without_stored_text_they_stay_as_they_are(tmp_path: Path, counting: Rules, without_ranks: Rules) -> None:
    empty_lake(tmp_path / "lake")
    with Lake.open(tmp_path / "lake", threads=1) as lake:
        fill(lake, [[chat()]], without_ranks)
        calls = lake.read(f"SELECT {', '.join(CALL_SCHEMA)} FROM costs")
        with lake.transaction() as tx:
            assert estimate_stored(tx, calls, counting.tokens).equals(calls)


def test_a_service_without_rank_files_starts_all_the_same() -> None:
    assert not rules().tokens.available("o200k_base")
    assert Config().capture_content is False
