"""Calls that report no usage, estimated from their text. The tiny tokenizer counts bytes, so texts tell their count."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_tables.estimates import estimate, say_what_is_missing
from pricing_tables.tokens import Tokenizers
from tests.pricing_tables.tiny_ranks import REGISTRY, installed, tiny

SCHEMA = {
    "role": pl.String, "operation": pl.String, "failed": pl.Boolean, "request_model": pl.String,
    "response_model": pl.String, "usage_source": pl.String, "usage_note": pl.String, "input_tokens": pl.Int64,
    "output_tokens": pl.Int64,
}  # fmt: skip
TEXTS = {
    "row": pl.UInt32, "input": pl.List(pl.String), "roles": pl.List(pl.String), "output": pl.List(pl.String),
    "note": pl.String,
}  # fmt: skip
SILENT_CALL = {
    "role": "call", "operation": "chat", "failed": False, "request_model": "gpt-4o", "usage_source": "missing",
}  # fmt: skip
PING = {"input": ["ping"], "roles": ["user"], "output": ["pong!"]}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    folder = tmp_path_factory.mktemp("ranks")
    installed(folder)
    return Tokenizers([folder], REGISTRY)


def estimated(tokenizers: Tokenizers, call: dict[str, Any], text: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one call after estimating."""
    calls = pl.DataFrame([{**SILENT_CALL, **call}], schema=SCHEMA)
    texts = pl.DataFrame([{"row": 0, **(PING if text is None else {**PING, **text})}], schema=TEXTS)
    return estimate(calls, texts, tokenizers).row(0, named=True)


def test_a_chat_is_counted_with_its_framing(tokenizers: Tokenizers) -> None:
    row = estimated(tokenizers, {})
    # ping, its role, three tokens a message, three that open the answer
    assert row["input_tokens"] == 4 + 4 + 3 + 3
    assert row["output_tokens"] == 5
    assert (row["usage_source"], row["usage_note"]) == ("estimated", "tiktoken=o200k_base")


def test_every_message_is_framed(tokenizers: Tokenizers) -> None:
    row = estimated(tokenizers, {}, {"input": ["be brief", "ping"], "roles": ["system", "user"]})
    assert row["input_tokens"] == 8 + 4 + 6 + 4 + 2 * 3 + 3


def test_another_vendors_tokenizer_is_near_enough_and_the_note_says_so(tokenizers: Tokenizers) -> None:
    row = estimated(tokenizers, {"request_model": "claude-sonnet-4-5"})
    assert row["usage_note"] == "tiktoken=o200k_base~"


def test_the_model_that_answered_decides(tokenizers: Tokenizers) -> None:
    row = estimated(tokenizers, {"request_model": "my-deployment", "response_model": "gpt-4o-2024-08-06"})
    assert row["usage_note"] == "tiktoken=o200k_base"


def test_hidden_reasoning_is_said_to_be_unseen(tokenizers: Tokenizers) -> None:
    notes = {
        name: estimated(tokenizers, {"request_model": name})["usage_note"]
        for name in ("o3-mini", "gpt-5-nano", "openai/gpt-5", "gpt-4o", "gpt-4.1")
    }
    assert [name for name, note in notes.items() if "reasoning_unseen" in note] == [
        "o3-mini",
        "gpt-5-nano",
        "openai/gpt-5",
    ]


def test_an_embedding_needs_no_answer_and_has_no_framing(tmp_path: Path) -> None:
    installed(tmp_path, "cl100k_base")
    tokenizers = Tokenizers([tmp_path], {"cl100k_base": tiny("cl100k_base")})
    call = {"operation": "embeddings", "request_model": "text-embedding-3-small"}
    row = estimated(tokenizers, call, {"output": [], "roles": ["user"]})
    assert (row["input_tokens"], row["output_tokens"], row["usage_source"]) == (4, None, "estimated")
    assert row["usage_note"] == "tiktoken=cl100k_base"


@pytest.mark.parametrize("text", [{"output": []}, {"input": [], "roles": []}, {"input": [], "output": []}])
def test_half_a_chat_is_not_estimated(tokenizers: Tokenizers, text: dict[str, Any]) -> None:
    row = estimated(tokenizers, {"usage_note": "provider_inferred"}, text)
    assert (row["usage_source"], row["input_tokens"], row["usage_note"]) == ("missing", None, "provider_inferred")


@pytest.mark.parametrize(
    "call",
    [
        {"usage_source": "reported", "input_tokens": 7, "output_tokens": 2},
        {"usage_source": "estimated", "input_tokens": 5, "output_tokens": 2},
        {"role": "aggregate"},
        {"failed": True},
        {"operation": "image"},
        {"operation": "rerank"},
    ],
    ids=lambda call: next(iter(call.values())),
)
def test_only_silent_calls_are_estimated(tokenizers: Tokenizers, call: dict[str, Any]) -> None:
    before = {**dict.fromkeys(SCHEMA), **SILENT_CALL, **call}
    assert estimated(tokenizers, call) == before


def test_a_suspicious_zero_keeps_its_note(tokenizers: Tokenizers) -> None:
    row = estimated(tokenizers, {"usage_note": "zero_suspect"}, {"note": "media_uncounted"})
    assert row["usage_note"] == "zero_suspect,tiktoken=o200k_base,media_uncounted"


def test_without_the_rank_file_the_call_says_what_is_missing(tmp_path: Path) -> None:
    row = estimated(Tokenizers([tmp_path], REGISTRY), {})
    assert (row["usage_source"], row["input_tokens"], row["usage_note"]) == (
        "missing",
        None,
        "tokenizer_missing=o200k_base",
    )


def test_once_the_rank_file_is_there_the_complaint_goes(tokenizers: Tokenizers) -> None:
    row = estimated(tokenizers, {"usage_note": "provider_inferred,tokenizer_missing=o200k_base"})
    assert row["usage_note"] == "provider_inferred,tiktoken=o200k_base"


def test_a_missing_tokenizer_is_told_from_missing_text() -> None:
    priced = pl.DataFrame(
        {
            "usage_note": ["tokenizer_missing=o200k_base", None, "tokenizer_missing=o200k_base"],
            "rate_note": ["no usage", "no usage", "failed call"],
            "status": ["unpriced", "unpriced", "priced"],
        }
    )
    assert say_what_is_missing(priced)["rate_note"].to_list() == [
        "no usage; tokenizer o200k_base not installed",
        "no usage",
        "failed call",
    ]


lines = st.lists(st.text("the ab\né字", max_size=9).filter(bool), min_size=1, max_size=4)


@given(st.lists(st.tuples(lines, lines, st.booleans()), max_size=5))
def test_calls_are_counted_each_by_itself(
    tokenizers: Tokenizers, given_calls: list[tuple[list[str], list[str], bool]]
) -> None:
    """Whatever else is in the batch; rows that are not silent stay as they are, in their place."""
    rows = [{**SILENT_CALL, "usage_source": "missing" if silent else "reported"} for *_, silent in given_calls]
    texts = [
        {"row": row, "input": asked, "roles": ["user"] * len(asked), "output": told}
        for row, (asked, told, _) in enumerate(given_calls)
    ]
    calls = pl.DataFrame(rows, schema=SCHEMA)
    found = estimate(calls, pl.DataFrame(texts, schema=TEXTS), tokenizers)
    assert found.height == calls.height
    for row, (asked, told, silent) in enumerate(given_calls):
        alone = (
            sum(tokenizers.count("o200k_base", asked)) + len(asked) * (4 + 3) + 3,
            sum(tokenizers.count("o200k_base", told)),
        )
        expected = (*alone, "estimated") if silent else (None, None, "reported")
        assert found.select("input_tokens", "output_tokens", "usage_source").row(row) == expected
