"""Dialects that the operator writes down: from a section of the configuration to calls, and what is refused."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.decode import decode_traces
from receiver.dialects import DIALECTS, WANTED_KEYS, to_calls
from receiver.dialects.custom import FIELDS, custom_dialects
from receiver.dialects.custom_source import DialectError
from receiver.dialects.dialect import Dialect
from receiver.frames import Wanted
from tests.receiver.dialects.material import span_frame
from tests.receiver.otlp_payloads import payload, span

ACME = """
[acme]
detect = { attribute = "acme.model" }
input_includes_cache = true
[acme.fields]
provider = { value = "openai" }
request_model = "acme.model"
input = "acme.in"
output = "acme.out"
cache_read = "acme.cached"
reasoning = "acme.thinking"
"""


def dialects(toml: str) -> tuple[Dialect, ...]:
    return custom_dialects(tomllib.loads(toml))


def read(toml: str, attributes: dict[str, Any], resource: dict[str, Any] | None = None, **span_fields: Any) -> Any:
    """The calls that a service with this configuration makes of a span as a real exporter sends it."""
    own = dialects(toml)
    wanted = Wanted(
        span_keys=WANTED_KEYS.union(*(dialect.keys for dialect in own)),
        resource_keys=frozenset().union(*(dialect.resource_keys for dialect in own)),
    )
    sent = payload(span(attributes, **span_fields), resource=resource or {}, scope="acme-llm")
    return to_calls(decode_traces([(sent, 0)], wanted).spans, (*own, *DIALECTS)).to_dicts()


def with_fields(fields: str, section: str = 'detect = { scope = "acme-llm" }') -> str:
    return f"[acme]\n{section}\n[acme.fields]\n{fields}\n"


def test_a_wrapper_is_read_like_any_library() -> None:
    (row,) = read(ACME, {"acme.model": "gpt-4o", "acme.in": 1200, "acme.out": 300, "acme.cached": 1000})
    assert row | {"dialect": "acme", "provider": "openai", "request_model": "gpt-4o", "role": "call"} == row
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (1200, 1000, 300)
    assert (row["usage_source"], row["usage_note"]) == ("reported", None)


class TestWhichSpans:
    @pytest.mark.parametrize(
        ("detect", "taken"),
        [
            ('attribute = "acme.kind"', True),
            ('attribute = "acme.kind", equals = "llm"', True),
            ('attribute = "acme.kind", equals = ["embedding", "llm"]', True),
            ('attribute = "acme.kind", equals = "tool"', False),
            ('attribute = "acme.paid", equals = true', True),
            ('attribute = "acme.version", equals = 3', True),
            ('attribute = "acme.info:kind.main", equals = "llm"', True),
            ('attribute = "resource:team", equals = "search"', True),
            ('attribute = "acme.nothing"', False),
            ('scope = "acme-llm"', True),
            ('scope = "acme"', False),
            ('scope_prefix = "acme"', True),
            ('span_name = "ask"', True),
            ('span_name_prefix = "as"', True),
            ('span_name = "ask", scope = "other"', False),
        ],
    )
    def test_all_that_is_given_must_hold(self, detect: str, taken: bool) -> None:
        sent = {"acme.kind": "llm", "acme.paid": True, "acme.version": 3, "acme.info": '{"kind":{"main":"llm"}}'}
        toml = with_fields('request_model = { value = "m" }', f"detect = {{ {detect} }}")
        assert len(read(toml, sent, {"team": "search"}, name="ask")) == taken

    def test_sections_are_asked_in_their_order_and_before_the_built_in_dialects(self) -> None:
        sent = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 7, "acme.in": 5}
        second = with_fields('request_model = "gen_ai.request.model"\ninput = "gen_ai.usage.input_tokens"')
        first = '[one]\ndetect = { attribute = "acme.in" }\n[one.fields]\nrequest_model = "gen_ai.request.model"\n'
        seen = [read(toml, sent)[0] for toml in (second, first + second, second + first, "")]
        assert [row["dialect"] for row in seen] == ["acme", "one", "acme", "gen_ai"]
        assert [row["input_tokens"] for row in seen] == [7, None, 7, 7]

    def test_other_spans_are_read_as_without_it(self, capture: str, spans_of: Callable[..., pl.DataFrame]) -> None:
        spans = spans_of(capture)
        assert to_calls(spans, (*dialects(ACME), *DIALECTS)).equals(to_calls(spans))


class TestWhereAFieldComesFrom:
    @pytest.mark.parametrize(
        ("source", "model"),
        [
            ('"acme.model"', "gpt-4o"),
            ('["acme.nothing", "acme.empty", "acme.model"]', "gpt-4o"),
            ('["acme.nothing", { value = "fallback" }]', "fallback"),
            ('"acme.json:answer.model"', "gpt-4o-mini"),
            ('"acme.json:choices[1].model"', "second"),
            ("\"acme.json:['the.model']\"", "quoted"),
            ('"acme.map:model"', "in-a-map"),
            ('{ attribute = "acme:model" }', "colon"),
            ('{ attribute = "acme.json", path = "answer.model" }', "gpt-4o-mini"),
            ('"resource:acme.default"', "of-the-service"),
            ('{ resource = "acme.default" }', "of-the-service"),
            ('"resource:acme.json:model"', "of-the-service-too"),
            ('["acme.cut:model", "acme.model"]', "gpt-4o"),
        ],
    )
    def test_text(self, source: str, model: str) -> None:
        document = {"answer": {"model": "gpt-4o-mini"}, "choices": [{}, {"model": "second"}], "the.model": "quoted"}
        sent = {
            "acme.model": "gpt-4o", "acme.empty": "", "acme.json": json.dumps(document), "acme:model": "colon",
            "acme.map": {"model": "in-a-map"}, "acme.cut": '{"model": "gpt',
        }  # fmt: skip
        resource = {"acme.default": "of-the-service", "acme.json": '{"model":"of-the-service-too"}'}
        assert [row["request_model"] for row in read(with_fields(f"request_model = {source}"), sent, resource)] == [
            model
        ]

    @pytest.mark.parametrize("bad", [-1, 1.5, "many", "", "NaN", 2**60, True, [1]])
    @pytest.mark.parametrize("source", ['"acme.n"', '"acme.usage:n"'])
    def test_what_is_no_count_is_passed_over(self, bad: Any, source: str) -> None:
        sent = {"acme.n": bad, "acme.usage": json.dumps({"n": bad}), "acme.other": 5}
        fields = f'request_model = {{ value = "m" }}\noutput = {source}\ninput = [{source}, "acme.other"]'
        (row,) = read(with_fields(fields), sent)
        assert (row["input_tokens"], row["output_tokens"]) == (5, None)

    @pytest.mark.parametrize("good", [7, 7.0, "7", "7.0", "+7", "7e0"])
    def test_numbers_in_whatever_type(self, good: Any) -> None:
        (row,) = read(with_fields('request_model = { value = "m" }\ninput = "acme.n"'), {"acme.n": good})
        assert row["input_tokens"] == 7

    @pytest.mark.parametrize(
        ("sent", "seconds"),
        [(12.5, "12.5"), ("12.5", "12.5"), (3, "3"), (1e-5, "0.00001"), (-1, None), ("inf", None), ("12s", None)],
    )
    def test_amounts_are_exact(self, sent: Any, seconds: str | None) -> None:
        (row,) = read(with_fields('request_model = { value = "m" }\naudio_seconds = "acme.s"'), {"acme.s": sent})
        assert row["audio_seconds"] == (Decimal(seconds) if seconds else None)

    def test_constants_of_every_kind(self) -> None:
        fields = (
            'request_model = { value = "m" }\nbatch = { value = true }\nrequests = { value = 1 }\n'
            'audio_seconds = { value = "1.5" }\nregion = { value = "eu" }\nservice_tier = { value = "flex" }'
        )
        (row,) = read(with_fields(fields), {})
        assert (row["batch"], row["requests"], row["region"]) == (True, 1, "eu")
        assert (row["audio_seconds"], row["service_tier"]) == (Decimal("1.5"), "flex")

    def test_a_count_that_other_dialects_know_too(self) -> None:
        fields = 'request_model = { value = "m" }\ninput = "gen_ai.usage.input_tokens"\noperation = "llm.request.type"'
        (row,) = read(with_fields(fields), {"gen_ai.usage.input_tokens": 9, "llm.request.type": "embedding"})
        assert (row["input_tokens"], row["operation"]) == (9, "embeddings")

    def test_every_field_reaches_the_call(self) -> None:
        """All counts from one attribute, all texts from another: nothing is left null but what follows from others."""
        of_kind = {
            pl.Int64(): '"acme.n"',
            pl.Boolean(): '"acme.b"',
            pl.Decimal(18, 6): '"acme.n"',
            pl.String(): '"acme.t"',
        }
        fields = "\n".join(f"{name} = {of_kind[dtype]}" for name, dtype in FIELDS.items() if name != "reported_cost")
        (row,) = read(with_fields(fields + '\nreported_cost = "acme.n"'), {"acme.n": 4, "acme.b": True, "acme.t": "x"})
        assert [
            name for name, value in row.items() if value is None and name not in ("parent_span_id", "usage_note")
        ] == []
        assert row["reported_cost_usd"] == 4
        assert row["usage_source"] == "estimated"


class TestTheRulesOfMoney:
    @pytest.mark.parametrize(
        ("stated", "provider", "total"),
        [
            ("true", "anthropic", 100),
            ("false", "openai", 130),
            ('"by_provider"', "openai", 100),
            ('"by_provider"', "Anthropic", 130),
            ('"by_provider"', "aws.bedrock", 130),
        ],
    )
    def test_whether_input_counts_cached_tokens(self, stated: str, provider: str, total: int) -> None:
        toml = ACME.replace("= true", f"= {stated}").replace('{ value = "openai" }', '"acme.provider"')
        sent = {"acme.model": "m", "acme.in": 100, "acme.cached": 30, "acme.out": 5, "acme.provider": provider}
        (row,) = read(toml, sent)
        assert (row["input_tokens"], row["cache_read_tokens"], row["usage_note"]) == (total, 30, None)

    def test_left_unsaid_it_is_decided_by_evidence(self) -> None:
        toml = ACME.replace("input_includes_cache = true", "")
        (sure,) = read(toml, {"acme.model": "m", "acme.in": 10, "acme.cached": 30, "acme.out": 5})
        (assumed,) = read(toml, {"acme.model": "m", "acme.in": 40, "acme.cached": 30, "acme.out": 5})
        assert (sure["input_tokens"], assumed["input_tokens"]) == (40, 40)
        assert (sure["usage_note"], assumed["usage_note"]) == (None, "inclusive_assumed")

    def test_reasoning_beside_the_output_is_added_once(self) -> None:
        toml = ACME.replace("input_includes_cache", "reasoning_in_output = false\ninput_includes_cache")
        sent = {"acme.model": "m", "acme.in": 10, "acme.out": 5, "acme.thinking": 7}
        assert [(row["output_tokens"], row["reasoning_tokens"]) for row in read(toml, sent)] == [(12, 7)]
        assert [(row["output_tokens"], row["reasoning_tokens"]) for row in read(ACME, sent)] == [(5, 5)]
        del sent["acme.thinking"]
        assert [row["output_tokens"] for row in read(toml, sent)] == [5]

    def test_a_part_larger_than_its_whole_is_cut_and_noted(self) -> None:
        (row,) = read(ACME, {"acme.model": "m", "acme.in": 10, "acme.out": 5, "acme.thinking": 7})
        assert (row["reasoning_tokens"], row["usage_note"]) == (5, "clamped")

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(counts=st.tuples(*[st.none() | st.integers(0, 60)] * 4), stated=st.sampled_from(["true", "false"]))
    def test_it_counts_as_the_conventions_do(self, counts: tuple[int | None, ...], stated: str) -> None:
        """A mapping of the conventions' own attributes gives what a built-in dialect of the same kind gives."""
        names = ("input_tokens", "output_tokens", "cache_read.input_tokens", "reasoning.output_tokens")
        given = {
            f"gen_ai.usage.{name}": str(count) for name, count in zip(names, counts, strict=True) if count is not None
        }
        spans = span_frame([{"gen_ai.request.model": "m", "gen_ai.provider.name": "openai", **given}])
        toml = f"""
[acme]
detect = {{ attribute = "gen_ai.request.model" }}
input_includes_cache = {stated}
[acme.fields]
request_model = "gen_ai.request.model"
provider = "gen_ai.provider.name"
input = "gen_ai.usage.input_tokens"
output = "gen_ai.usage.output_tokens"
cache_read = "gen_ai.usage.cache_read.input_tokens"
reasoning = "gen_ai.usage.reasoning.output_tokens"
"""
        named = {dialect.name: dialect for dialect in DIALECTS}
        like = named["pydantic_ai" if stated == "true" else "otel_bedrock"]
        everywhere = replace(like, name="acme", detect=lambda _: pl.lit(value=True))
        assert (
            to_calls(spans, dialects(toml)).drop("usage_note").equals(to_calls(spans, [everywhere]).drop("usage_note"))
        )


class TestCallsAndAggregates:
    @pytest.mark.parametrize(
        ("section", "attributes", "role"),
        [
            ("", {}, "call"),
            ("", {"acme.op": "invoke_agent"}, "aggregate"),
            ('role = "aggregate"', {}, "aggregate"),
            ('role = "call"', {"acme.op": "invoke_agent"}, "call"),
            ('role_attribute = "acme.role"', {"acme.role": "Aggregate"}, "aggregate"),
            ('role_attribute = "acme.role"', {"acme.role": "chain"}, "aggregate"),
            ('role_attribute = "acme.role"', {"acme.role": "pipeline"}, "call"),
            ('role_attribute = "acme.role"', {}, "call"),
            ('role_attribute = "acme.role"\naggregate_values = ["Pipeline"]', {"acme.role": "pipeline"}, "aggregate"),
        ],
    )
    def test_the_role(self, section: str, attributes: dict[str, str], role: str) -> None:
        section = f'detect = {{ scope = "acme-llm" }}\n{section}'
        toml = with_fields('request_model = { value = "m" }\noperation = "acme.op"', section)
        assert [row["role"] for row in read(toml, attributes)] == [role]

    def test_a_span_without_model_and_usage_makes_no_row(self) -> None:
        assert read(with_fields('request_model = "acme.model"\ninput = "acme.in"'), {"acme.other": 1}) == []


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[acme.fields]\ninput = 'x'", "dialects.acme.detect: missing; say what its spans have"),
        ("[acme]\ndetect = {}", "dialects.acme.detect: is empty, so it would take every span"),
        ("[acme]\ndetect = 'x'", "dialects.acme.detect: must be a table"),
        ("[acme]\ndetect = { atribute = 'x' }", "dialects.acme.detect.atribute: unknown key; did you mean attribute?"),
        ("[acme]\ndetect = { colour = 'x' }", "dialects.acme.detect.colour: unknown key; known are attribute, equals,"),
        ("[acme]\ndetect = { equals = 'x' }", "dialects.acme.detect.equals: needs an attribute beside it"),
        ("[acme]\ndetect = { attribute = 'x', equals = 1.5 }", "dialects.acme.detect.equals: must be a text, a whole"),
        ("[acme]\ndetect = { scope = '' }", "dialects.acme.detect.scope: must be a text that is not empty"),
        ("[acme]\ndetect = { scope = 'x' }", "dialects.acme.fields: missing; say at least which attribute"),
        ("[acme]\ndetekt = { scope = 'x' }", "dialects.acme.detekt: unknown key; did you mean detect?"),
        (with_fields("inptu = 'x'"), "dialects.acme.fields.inptu: unknown key; did you mean input?"),
        (with_fields("input_tokens = 'x'"), "dialects.acme.fields.input_tokens: unknown key; did you mean input?"),
        (with_fields("exclusive = 'x'"), "dialects.acme.fields.exclusive: unknown key; known are provider, host,"),
        (with_fields("input = 3"), "dialects.acme.fields.input: must be the name of an attribute, a list of names,"),
        (with_fields("input = []"), "dialects.acme.fields.input: an empty list"),
        (with_fields("input = ''"), "dialects.acme.fields.input: the attribute's name is empty"),
        (with_fields("input = { value = -1 }"), "dialects.acme.fields.input: must be a number from 0 on"),
        (with_fields("input = { value = true }"), "dialects.acme.fields.input: must be a number from 0 on"),
        (with_fields("audio_seconds = { value = 1.5 }"), "dialects.acme.fields.audio_seconds: must be a number from 0"),
        (with_fields("pages = { value = '1' }"), "dialects.acme.fields.pages: must be a number from 0 on"),
        (with_fields("batch = { value = 'yes' }"), "dialects.acme.fields.batch: must be true or false"),
        (with_fields("provider = { value = '' }"), "dialects.acme.fields.provider: must be a text that is not empty"),
        (with_fields("input = 'x:a..b'"), "dialects.acme.fields.input: 'a..b' is no path"),
        (with_fields("input = 'x:'"), "dialects.acme.fields.input: '' is no path"),
        (with_fields("input = 'my.api_key'"), "dialects.acme.fields.input: 'my.api_key' is named like a credential"),
        (with_fields("input = 'x'", "detect = { scope = 'x' }\nrole = 'agent'"), 'dialects.acme.role: must be "call"'),
        (
            with_fields("input = 'x'", "detect = { scope = 'x' }\naggregate_values = 'x'"),
            "dialects.acme.aggregate_values: needs role_attribute beside it",
        ),
        (
            with_fields("input = 'x'", "detect = { scope = 'x' }\ninput_includes_cache = 'no'"),
            'dialects.acme.input_includes_cache: must be true, false or "by_provider"',
        ),
        (
            with_fields("input = 'x'", "detect = { scope = 'x' }\nreasoning_in_output = 'no'"),
            "dialects.acme.reasoning_in_output: must be true or false",
        ),
        (ACME.replace("acme]", "openlit]"), "dialects.openlit: is the name of a built-in dialect; choose another"),
        ("['a.b']", "dialects.a.b: a name has letters, digits, _ and - only"),
        ("acme = 3", "dialects.acme: must be a table"),
    ],
)  # fmt: skip
def test_what_is_refused_in_one_line(toml: str, told: str) -> None:
    with pytest.raises(DialectError) as failure:
        dialects(toml)
    assert str(failure.value).startswith(told)
    assert "\n" not in str(failure.value)
