"""The prompt and the answer that a span carries, in every way in which instrumentations write them down."""

import json
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.content import with_content
from receiver.decode import decode_traces
from receiver.dialects import to_calls
from receiver.dialects.messages import LONGEST, Said, parsed, read_answer, read_request
from receiver.dialects.texts import TEXT_SCHEMA, read_texts, said_in
from tests.receiver.dialects.material import DATA, WANTED

PING, PONG = (["ping"], ["user"]), ["pong"]
INSTRUCTED = (["you are x", "ping"], ["system", "user"])
NOTHING: tuple[list[str], list[str]] = ([], [])


@pytest.mark.parametrize(
    ("recording", "given_text", "answer"),
    [
        ("logfire-openai_stream_nousage", PING, PONG),
        ("logfire-openai_stream", PING, []),
        ("logfire-anthropic_astream", INSTRUCTED, []),
        ("openinference-litellm_stream_nousage", PING, PONG),
        ("openinference-openai_stream_aborted", PING, []),
        ("otel-openai-v2_stream_nousage", NOTHING, []),
        ("traceloop-0.40-openai_stream_nousage", PING, PONG),
        ("traceloop-0.40-anthropic_astream", INSTRUCTED, []),
        ("traceloop-0.40-anthropic_astream_raw", INSTRUCTED, PONG),
        ("traceloop-openai_stream_nousage", PING, PONG),
        ("vercel-ai-v4_streamText_openai_nousage", PING, PONG),
    ],
)
def test_recorded_calls_without_usage(
    recording: str, given_text: tuple[list[str], list[str]], answer: list[str]
) -> None:
    payloads = [((DATA / "dialects" / f"{recording}.pb").read_bytes(), 0)]
    spans = decode_traces(payloads, WANTED).spans
    calls = to_calls(spans).filter(pl.col("usage_source") == "missing", pl.col("role") == "call")
    decoded = with_content(payloads, spans.join(calls, on=["trace_id", "span_id"], how="semi"))

    texts = read_texts(decoded.spans.with_row_index("row"), decoded.events)

    fullest = texts.sort(pl.col("output").list.len(), pl.col("input").list.len(), descending=True).row(0, named=True)
    assert (fullest["input"], fullest["roles"]) == given_text
    assert fullest["output"] == answer


def conversation(**attributes: Any) -> dict[str, Any]:
    """Attributes of a span, documents among them as JSON text."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}


def texts_of(attributes: dict[str, Any], *events: tuple[str, dict[str, Any]]) -> tuple[list[str], list[str], list[str]]:
    asked, answered = said_in(attributes, list(events))
    return asked.pieces, asked.roles, answered.pieces


def test_the_same_text_written_twice_is_read_once() -> None:
    attributes = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "ping",
        "input.value": '{"messages": [{"role": "user", "content": "ping"}]}',
        "llm.output_messages.0.message.content": "pong",
        "output.value": "pong",
        "llm.invocation_parameters": '{"model": "gpt-5-mini"}',
    }
    assert texts_of(attributes) == (["ping"], ["user"], ["pong"])


def test_messages_of_the_conventions() -> None:
    attributes = conversation(
        **{
            "gen_ai.system_instructions": [{"type": "text", "content": "be brief"}],
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "ping"}, {"type": "blob", "content": "AAAA"}]},
                {"role": "assistant", "parts": [{"type": "tool_call", "name": "look", "arguments": {"at": 1}}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "response": "seen"}]},
            ],
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "pong"}]}],
        }
    )
    asked, answered = said_in(attributes, [])
    assert asked.pieces == ["be brief", "ping", "look", '{"at":1}', "seen"]
    assert asked.roles == ["system", "user", "assistant", "tool"]
    assert asked.notes == {"media_uncounted"}
    assert answered.pieces == ["pong"]


def test_indexed_messages_in_the_order_of_their_numbers() -> None:
    attributes = {f"gen_ai.prompt.{n}.content": f"text {n}" for n in (10, 2, 0)}
    attributes["gen_ai.completion.0.tool_calls.0.name"] = "look"
    attributes["gen_ai.completion.0.tool_calls.0.arguments"] = '{"at": 1}'
    assert texts_of(attributes) == (["text 0", "text 2", "text 10"], ["user"] * 3, ["look", '{"at": 1}'])


def test_a_message_in_parts_within_an_indexed_attribute() -> None:
    parts = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": "data:..."}}]
    asked, _ = said_in({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": json.dumps(parts)}, [])
    assert (asked.pieces, asked.notes) == (["what is this"], {"media_uncounted"})


def test_definitions_of_tools_are_counted_as_text_with_a_note() -> None:
    attributes = {
        "llm.input_messages.0.message.content": "ping",
        "llm.tools.0.tool.json_schema": '{"name": "look"}',
    }
    asked, _ = said_in(attributes, [])
    assert (asked.pieces, asked.roles, asked.notes) == (["ping", '{"name": "look"}'], ["user"], {"tools_as_text"})


def test_texts_to_embed() -> None:
    assert texts_of({"embedding.embeddings.0.embedding.text": "ping"})[0] == ["ping"]
    assert texts_of({"ai.values": ['"ping"', '"pong"']})[0] == ["ping", "pong"]
    assert texts_of({"input.value": '{"input": ["ping", "pong"], "model": "text-embedding-3-small"}'})[0] == [
        "ping",
        "pong",
    ]


def test_span_events() -> None:
    events = [
        ("gen_ai.system.message", {"content": "be brief"}),
        ("gen_ai.user.message", {"content": '[{"text": "ping"}]'}),
        ("gen_ai.choice", {"index": 0, "message": '{"role": "assistant", "content": "pong"}'}),
    ]
    assert texts_of({}, *events) == (["be brief", "ping"], ["system", "user"], ["pong"])


def test_the_event_with_the_details_of_the_call() -> None:
    messages = {
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"ping"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"pong"}]}]',
    }
    assert texts_of({}, ("gen_ai.client.inference.operation.details", messages)) == (["ping"], ["user"], ["pong"])
    prompt, answer = {"gen_ai.prompt": "ping"}, {"gen_ai.completion": "pong"}
    events = (("gen_ai.content.prompt", prompt), ("gen_ai.content.completion", answer))
    assert texts_of({}, *events) == (["ping"], ["user"], ["pong"])


REQUESTS = {
    "openai chat": {"model": "gpt-5", "messages": [{"role": "user", "content": "ping"}]},
    "openai responses": {"model": "gpt-5", "input": "ping"},
    "openai responses, items": {
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "ping"}]}]
    },
    "anthropic": {"messages": [{"role": "user", "content": [{"type": "text", "text": "ping"}]}], "max_tokens": 9},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "ping"}]}]},
    "gemini, text alone": {"contents": "ping", "model": "gemini-2.5-flash"},
    "bedrock converse": {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "ping"}]}]},
    "vercel prompt": {"prompt": "ping"},
    "langchain dump": {
        "messages": [
            [
                {
                    "lc": 1,
                    "type": "constructor",
                    "id": ["x", "HumanMessage"],
                    "kwargs": {"content": "ping", "type": "human"},
                }
            ]
        ]
    },
}


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS)
def test_a_prompt_in_the_body_of_a_request(body: dict[str, Any]) -> None:
    said = Said()
    read_request(said, body)
    assert (said.pieces, said.roles, said.notes) == (["ping"], ["user"], set())


ANSWERS = {
    "openai chat": {
        "id": "x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "pong"}}],
        "model": "gpt-5",
    },
    "openai completion": {"choices": [{"text": "pong", "index": 0}]},
    "openai responses": {
        "object": "response",
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "pong"}]},
        ],
    },
    "anthropic": {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "pong"}]},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "pong"}], "role": "model"}}], "modelVersion": "m"},
    "bedrock converse": {"output": {"message": {"role": "assistant", "content": [{"text": "pong"}]}}},
    "langchain dump": {
        "generations": [
            [
                {
                    "text": "pong",
                    "type": "ChatGeneration",
                    "message": {"lc": 1, "kwargs": {"content": "pong", "type": "ai"}},
                }
            ]
        ]
    },
    "logfire stream": {"combined_chunk_content": "pong", "chunk_count": 3},
    "message alone": {"role": "assistant", "content": "pong"},
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_in_the_body_of_a_response(body: dict[str, Any]) -> None:
    said = Said()
    read_answer(said, body)
    assert said.pieces == ["pong"]


CALLS_OF_A_TOOL = {
    "openai": {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
                    ],
                }
            }
        ]
    },
    "openai responses": {"output": [{"type": "function_call", "name": "look", "arguments": '{"at":1}'}]},
    "anthropic": {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {"at": 1}}],
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"at": 1}}}]}}]
    },
    "bedrock": {
        "output": {
            "message": {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "c", "name": "look", "input": {"at": 1}}}],
            }
        }
    },
    "vercel": {"role": "assistant", "content": [{"type": "tool-call", "toolName": "look", "args": {"at": 1}}]},
    "langchain": {
        "generations": [
            [
                {
                    "message": {
                        "lc": 1,
                        "kwargs": {"content": "", "type": "ai", "tool_calls": [{"name": "look", "args": {"at": 1}}]},
                    }
                }
            ]
        ]
    },
}


@pytest.mark.parametrize("body", CALLS_OF_A_TOOL.values(), ids=CALLS_OF_A_TOOL)
def test_an_answer_that_calls_a_tool(body: dict[str, Any]) -> None:
    said = Said()
    read_answer(said, body)
    assert said.pieces == ["look", '{"at":1}']


@pytest.mark.parametrize(
    "document",
    ['{"messages": [{"role": "user", "content": "pi', '{"question": "ping"}', "[1, 2]", "null", '{"usage": {}}'],
)
def test_a_document_cut_off_or_of_unknown_shape_says_nothing(document: str) -> None:
    attributes = {"input.value": document, "output.value": document}
    asked, answered = said_in(attributes, [])
    assert (asked.pieces, answered.pieces) == ([], [])


def test_plain_text_that_looks_like_a_document_is_text() -> None:
    assert parsed("[INST] ping [/INST]") == "[INST] ping [/INST]"
    assert parsed('"Ping", she said') == '"Ping", she said'
    assert parsed('"ping"') == "ping"


def test_text_beyond_any_context_is_cut_with_a_note() -> None:
    asked, _ = said_in({"gen_ai.prompt.0.content": "a" * LONGEST, "gen_ai.prompt.1.content": "b"}, [])
    assert [len(piece) for piece in asked.pieces] == [LONGEST]
    assert asked.notes == {"text_cut"}


def test_spans_without_attributes_make_a_row_without_text() -> None:
    rows = pl.DataFrame(
        {"row": [3], "trace_id": ["t"], "span_id": ["s"], "content_hash": [1], "attributes": [None]},
        schema_overrides={"row": pl.UInt32, "attributes": pl.String},
    )
    events = pl.DataFrame(schema={"trace_id": str, "span_id": str, "content_hash": int, "name": str, "attributes": str})
    found = read_texts(rows, events)
    assert found.schema == TEXT_SCHEMA
    assert found.row(0) == (3, [], [], [], None)


words = st.sampled_from(
    [
        "messages",
        "role",
        "content",
        "parts",
        "type",
        "text",
        "choices",
        "message",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "kwargs",
        "lc",
        "output",
        "input",
        "generations",
        "toolResult",
        "tool_result",
        "image",
        "tools",
        "user",
    ]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)


@given(documents)
def test_no_document_is_too_odd(document: Any) -> None:
    """Whatever a sender writes, reading it gives texts that stand in it, or arguments of tools as JSON."""
    text = orjson.dumps(document).decode()
    attributes = {"gen_ai.input.messages": text, "input.value": text, "output.value": text, "ai.values": [text]}
    asked, answered = said_in(
        attributes, [("gen_ai.choice", {"message": text}), ("gen_ai.user.message", {"content": text})]
    )
    assert all(piece and isinstance(piece, str) for piece in asked.pieces + answered.pieces)
    assert all(role and isinstance(role, str) for role in asked.roles)


@pytest.mark.parametrize("opening", ["[", '{"content":', '{"messages":[', '{"tool_calls":[{"arguments":'])
def test_a_document_of_any_depth_is_survived(opening: str) -> None:
    closing = opening.translate(str.maketrans("[{", "]}"))[::-1]
    closing = "".join(mark for mark in closing if mark in "]}")
    text = opening * 400 + '"deep"' + closing * 400
    asked, answered = said_in({"input.value": text, "output.value": text, "ai.response.text": text[:10]}, [])
    assert len(asked.pieces) + len(answered.pieces) <= 2
