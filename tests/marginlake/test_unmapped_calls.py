"""Calls that nobody understands: noticed once, withdrawn for a better version, read again once they are mapped."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lake.connect import Lake
from marginlake.config import Config, ConfigError
from marginlake.importer import Imported, import_file
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Record
from tests.marginlake.lakes import (
    REVENUE,
    VALUE,
    broken,
    captured,
    differences,
    fill,
    land_batches,
    rules,
    tables_of,
    traces,
)
from tests.receiver.otlp_payloads import payload, span

SENT = {"acme.llm.model": "gpt-4o", "acme.llm.tokens.in": 1000, "acme.llm.tokens.out": 100}
FIELDS = {"request_model": "acme.llm.model", "provider": {"value": "openai"}, "input": "acme.llm.tokens.in"}
BOTH = {**FIELDS, "output": "acme.llm.tokens.out"}
BILLED = {"marginlake.signal.event_name": "chat_message", "customer.id": "globex"}


def mapped(fields: dict[str, Any], **section: Any) -> Rules:
    """The rules of a service with a dialect for the wrapper."""
    dialect = {"detect": {"attribute": "acme.llm.model"}, "fields": fields, **section}
    settings = {"revenue": REVENUE, "value": {"metric": VALUE}, "dialects": {"acme_llm": dialect}}
    return rules_from(Config.model_validate(settings), None)


def request(*attributes: dict[str, Any], milliseconds: int = 5) -> bytes:
    """A request of the wrapper's spans and of a billable event, in one trace."""
    start = 1_795_468_100_000_000_000
    calls = [
        span(values, span_id=bytes([number]) * 8, start_ns=start, end_ns=start + milliseconds * 10**6, name="ask")
        for number, values in enumerate(attributes, start=1)
    ]
    return payload(*calls, span(BILLED, span_id=b"\xff" * 8, start_ns=start, end_ns=start), scope="acme-llm")


def shown(data_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    with Lake.open(data_dir, read_only=True, threads=1) as lake:
        return lake.read(sql).rows()


def imported(data_dir: Path, body: bytes, using: Rules, *, name: str = "sent.pb") -> Imported:
    file = data_dir.parent / name
    file.write_bytes(body)
    with Lake.open(data_dir, threads=1) as lake:
        return import_file(lake, file, using, Config())


class TestTheTable:
    def test_a_call_is_noticed_once(self, tmp_path: Path) -> None:
        record = traces(request(SENT))
        fill(tmp_path, [[record], [record, record], [traces(request({"db.system": "x"}, SENT))]])
        asked = "SELECT scope_name, scope_version, name, reason, attribute_names FROM unmapped_calls"
        row = ("acme-llm", "1.0", "ask", "no_dialect", "acme.llm.model, acme.llm.tokens.in, acme.llm.tokens.out")
        assert shown(tmp_path, asked) == [row, row]
        assert shown(tmp_path, "SELECT scope_name, spans FROM unmapped_kinds") == [("acme-llm", 2)]

    @pytest.mark.parametrize("later_first", [False, True])
    def test_it_goes_when_a_better_version_of_the_span_is_understood(self, tmp_path: Path, later_first: bool) -> None:
        understood = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
        records = [traces(request(SENT)), traces(request(understood, milliseconds=9))]
        fill(tmp_path, [[record] for record in (reversed(records) if later_first else records)])
        assert shown(tmp_path, "SELECT count(*) FROM unmapped_calls") == [(0,)]
        assert shown(tmp_path, "SELECT dialect FROM costs") == [("gen_ai",)]

    def test_recordings_of_real_libraries_raise_no_questions(self, lake_dir: Path) -> None:
        assert shown(lake_dir, "SELECT count(*) FROM unmapped_calls") == [(0,)]


class TestDoctor:
    def test_it_says_which_library_is_not_understood(self, cli: Callable[..., Any], tmp_path: Path) -> None:
        fill(tmp_path, [[traces(request(SENT, SENT))]])
        answer = cli("doctor", "--data", tmp_path)
        assert answer.code == 0
        said = next(line for line in answer.out.splitlines() if " unmapped: " in line)
        assert said.startswith("note")
        assert "2 spans look like model calls that are not understood (2 of acme-llm)" in said

    def test_all_is_understood(self, cli: Callable[..., Any], lake_dir: Path) -> None:
        assert (
            " unmapped: every span that looks like a model call is understood" in cli("doctor", "--data", lake_dir).out
        )


class TestReadingAgain:
    def test_an_import_reads_what_has_been_mapped_since(self, tmp_path: Path) -> None:
        body, lake = request(SENT), tmp_path / "lake"
        fill(lake, [[traces(body)]])
        done = imported(lake, body, mapped(BOTH))
        assert (done.spans, done.known, done.reread) == (0, 3, 1)
        assert shown(lake, "SELECT cost_usd, margin_usd FROM event_margins") == [(Decimal("0.0035"), Decimal("0.0545"))]
        assert differences(tables_of(lake), land_batches(tmp_path / "fresh", [[traces(body)]], mapped(BOTH))) == []
        assert broken(lake) == {}

    def test_a_corrected_mapping_corrects_what_it_read(self, tmp_path: Path) -> None:
        body, lake = request(SENT, SENT), tmp_path / "lake"
        for number, fields in enumerate((FIELDS, BOTH)):
            assert imported(lake, body, mapped(fields)).reread == (0, 2)[number]
        assert shown(lake, "SELECT sum(cost_usd) FROM billable_costs") == [(Decimal("0.007"),)]
        assert broken(lake) == {}

    def test_a_mapping_that_takes_over_from_a_built_in_dialect_or_gives_back(self, tmp_path: Path) -> None:
        sent = {**SENT, "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 7}
        body, lake = request(sent), tmp_path / "lake"
        for number, (using, dialect) in enumerate(
            [(rules(), "gen_ai"), (mapped(BOTH), "acme_llm"), (rules(), "gen_ai")]
        ):
            imported(lake, body * (number + 1), using)  # three files of the same spans
            assert shown(lake, "SELECT dialect FROM costs") == [(dialect,)]
            assert shown(lake, "SELECT DISTINCT dialect FROM spans WHERE dialect IS NOT NULL") == [(dialect,)]
        assert broken(lake) == {}

    def test_a_mapping_that_fails_to_read_is_a_question_again(self, tmp_path: Path) -> None:
        body, lake = request(SENT), tmp_path / "lake"
        imported(lake, body, mapped(BOTH))
        imported(lake, body, mapped({"request_model": "acme.llm.modell"}))
        assert shown(lake, "SELECT count(*) FROM costs") == [(0,)]
        assert shown(lake, "SELECT reason FROM unmapped_calls") == [("nothing_read",)]
        assert shown(lake, "SELECT cost_usd, model_calls FROM event_margins") == [(Decimal(0), 0)]

    def test_a_span_that_is_event_and_call_at_once(self, tmp_path: Path) -> None:
        body, lake = payload(span({**SENT, **BILLED}), scope="acme-llm"), tmp_path / "lake"
        fill(lake, [[traces(body)]])
        imported(lake, body, mapped(BOTH))
        assert differences(tables_of(lake), land_batches(tmp_path / "fresh", [[traces(body)]], mapped(BOTH))) == []

    def test_what_is_read_as_before_is_left_alone(self, tmp_path: Path) -> None:
        """Another file with the same spans, and everything that built-in dialects read."""
        lake, body = tmp_path / "lake", request(SENT)
        using = mapped(BOTH)
        fill(lake, [[*captured(), traces(body)]], using)
        before = shown(lake, "SELECT cost_id, priced_at FROM costs ORDER BY 1")
        everything = b"".join(record.payload for record in captured() if record.kind.name == "TRACES")
        done = imported(lake, everything + body, using)
        assert (done.spans, done.reread) == (0, 0)
        assert shown(lake, "SELECT cost_id, priced_at FROM costs ORDER BY 1") == before

    def test_the_service_never_reads_again(self, tmp_path: Path) -> None:
        record: Record = traces(request(SENT))
        fill(tmp_path, [[record]])
        fill(tmp_path, [[record]], mapped(BOTH))
        assert shown(tmp_path, "SELECT count(*) FROM costs") == [(0,)]

    def test_the_same_import_twice_changes_nothing(self, tmp_path: Path) -> None:
        body, lake = request(SENT), tmp_path / "lake"
        fill(lake, [[traces(body)]])
        first, second = (imported(lake, body, mapped(BOTH)) for _ in range(2))
        assert (first.reread, second.reread, second.known) == (1, 0, 0)


class TestTheConfiguration:
    def test_its_attributes_are_wanted_of_spans_and_resources(self) -> None:
        using = mapped({"request_model": "acme.llm.model", "region": "resource:cloud.region"})
        assert using.wanted.span_keys - rules().wanted.span_keys == {"acme.llm.model"}
        assert using.wanted.resource_keys - rules().wanted.resource_keys == {"cloud.region"}
        assert using.dialects[1:] == rules().dialects

    def test_a_wrong_section_stops_the_start_with_one_line(self) -> None:
        with pytest.raises(
            ConfigError, match=r"^dialects\.acme_llm\.fields\.inptu: unknown key; did you mean input\?$"
        ):
            mapped({"inptu": "x"})

    def test_prices_do_not_depend_on_who_read_the_span(self, tmp_path: Path) -> None:
        """The same usage by the conventions and by a mapping costs the same."""
        plain = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
        plain |= {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
        landed = land_batches(tmp_path, [[traces(request(SENT, plain))]], mapped(BOTH))["costs"]
        assert set(landed["dialect"]) == {"acme_llm", "gen_ai"}
        assert landed.select(pl.col("cost_usd").n_unique(), pl.col("rate_id").n_unique()).row(0) == (1, 1)
