"""The prompt and the answer of a call as its span carries them, whichever instrumentation wrote it.

Instrumentations write the same text down several times (`input.value` beside `llm.input_messages.0…`), so the families
of attributes are alternatives: of each side, the first that holds any text is read, and the most structured come first.
Used for calls that do not say what they used; see docs/token-estimates.md.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson
import polars as pl

from receiver.dialects.messages import (
    Json,
    Said,
    parsed,
    read_answer,
    read_call,
    read_content,
    read_message,
    read_request,
)

TEXT_SCHEMA: Final = pl.Schema(
    {
        "row": pl.UInt32(),  # of the call, in the frame of calls the texts were looked up for
        "input": pl.List(pl.String()),  # what the model was given, in pieces; empty when not captured
        "roles": pl.List(pl.String()),  # the role of each message among it
        "output": pl.List(pl.String()),  # what it answered; empty when not captured
        "note": pl.String(),  # comma joined: media_uncounted, tools_as_text, text_cut
    }
)

Attributes = Mapping[str, Json]
Event = tuple[str, Attributes]
Family = Callable[[Said, Attributes], None]


def read_texts(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """What was said in some calls: `TEXT_SCHEMA`, a row for each of `rows`, in their order.

    rows: `row`, trace_id, span_id, content_hash and `attributes` (JSON text, content included; null: unknown).
    events: trace_id, span_id, content_hash, name and `attributes` of the text events of their spans, in order.
    """
    told: dict[tuple[object, ...], list[Event]] = {}
    for *key, name, attributes in events.select(*_KEY, "name", "attributes").iter_rows():
        told.setdefault(tuple(key), []).append((name, _object(attributes)))
    found = []
    for row, *key, attributes in rows.select("row", *_KEY, "attributes").iter_rows():
        given, answered = said_in(_object(attributes), told.get(tuple(key), []))
        note = ",".join(sorted(given.notes | answered.notes)) or None
        found.append((row, given.pieces, given.roles, answered.pieces, note))
    return pl.DataFrame(found, schema=TEXT_SCHEMA, orient="row")


def said_in(attributes: Attributes, events: list[Event]) -> tuple[Said, Said]:
    """The texts of one span: what the model was given, and what it answered."""
    for name, inside in events:
        if name.startswith(("gen_ai.content.", "gen_ai.client.")):
            attributes = {**inside, **attributes}
    told = [
        (name.removesuffix(".message").removeprefix("gen_ai."), inside)
        for name, inside in events
        if name.endswith(".message") or name == "gen_ai.choice"
    ]

    def prompt_events(said: Said, _: Attributes) -> None:
        for role, inside in told:
            if role != "choice":
                read_message(said, {"role": role, **_unpacked(inside)})

    def choice_events(said: Said, _: Attributes) -> None:
        for role, inside in told:
            if role == "choice":
                fields = _unpacked(inside)
                read_answer(said, fields.get("message") or fields)

    return _first_said(attributes, (*_GIVEN, prompt_events)), _first_said(attributes, (*_ANSWERED, choice_events))


def _first_said(attributes: Attributes, families: tuple[Family, ...]) -> Said:
    for family in families:
        said = Said()
        family(said, attributes)
        if said.pieces:
            return said
    return Said()


def _gen_ai_messages(said: Said, attributes: Attributes) -> None:
    """The conventions since 1.37: JSON lists of messages and instructions."""
    messages = _parsed(attributes.get("gen_ai.input.messages"))
    if messages:
        if system := _parsed(attributes.get("gen_ai.system_instructions")):
            said.message("system")
            read_content(said, system)
        read_request(said, messages)
        said.definitions(_parsed(attributes.get("gen_ai.tool.definitions")))


def _gen_ai_answers(said: Said, attributes: Attributes) -> None:
    read_answer(said, _parsed(attributes.get("gen_ai.output.messages")))


def _traceloop_prompt(said: Said, attributes: Attributes) -> None:
    _indexed_messages(said, attributes, "gen_ai.prompt.")
    said.definitions([value for _, value in _under(attributes, "llm.request.functions.")])


def _traceloop_answer(said: Said, attributes: Attributes) -> None:
    _indexed_messages(said, attributes, "gen_ai.completion.")


def _openinference_prompt(said: Said, attributes: Attributes) -> None:
    _indexed_messages(said, attributes, "llm.input_messages.")
    said.definitions([value for _, value in _under(attributes, "llm.tools.")])


def _openinference_answer(said: Said, attributes: Attributes) -> None:
    _indexed_messages(said, attributes, "llm.output_messages.")


def _openinference_texts(said: Said, attributes: Attributes) -> None:
    """Plain prompts and texts to embed."""
    for prefix, suffix in (("llm.prompts.", ".prompt.text"), ("embedding.embeddings.", ".embedding.text")):
        for name, value in _under(attributes, prefix):
            if name.endswith(suffix):
                read_request(said, value)


def _vercel_prompt(said: Said, attributes: Attributes) -> None:
    for key in ("ai.prompt.messages", "ai.prompt", "ai.value"):
        read_request(said, _parsed(attributes.get(key)))
        if said.pieces:
            break
    for value in _listed(attributes.get("ai.values")):
        read_request(said, _parsed(value))
    if said.pieces:
        said.definitions(attributes.get("ai.prompt.tools"))


def _vercel_answer(said: Said, attributes: Attributes) -> None:
    for key in ("ai.response.reasoning", "ai.response.text", "ai.response.object"):
        said.document(attributes.get(key))
    for call in _listed(_parsed(attributes.get("ai.response.toolCalls"))):
        if isinstance(call, dict):
            read_call(said, call)


def _documents(*keys: str, read: Callable[[Said, Json], None]) -> Family:
    """A family of attributes that hold a request, a response or a plain text: the first with text in it."""

    def family(said: Said, attributes: Attributes) -> None:
        for key in keys:
            read(said, _parsed(attributes.get(key)))
            if said.pieces:
                break

    return family


_GIVEN: Final[tuple[Family, ...]] = (
    _gen_ai_messages,
    _traceloop_prompt,
    _openinference_prompt,
    _openinference_texts,
    _vercel_prompt,
    _documents(
        "langfuse.observation.input", "mlflow.spanInputs", "input.value", "gen_ai.prompt", "traceloop.entity.input",
        "request_data",
        read=read_request,
    ),
)  # fmt: skip
_ANSWERED: Final[tuple[Family, ...]] = (
    _gen_ai_answers,
    _traceloop_answer,
    _openinference_answer,
    _vercel_answer,
    _documents(
        "langfuse.observation.output", "mlflow.spanOutputs", "output.value", "gen_ai.completion",
        "traceloop.entity.output", "response_data",
        read=read_answer,
    ),
)  # fmt: skip

_KEY: Final = ("trace_id", "span_id", "content_hash")
_NUMBER: Final = re.compile(r"\d{1,9}")
_CONTENT: Final = re.compile(r"(?:message\.)?(?:content|contents\.\d+\.message_content\.text)")
_TOOL: Final = re.compile(
    r"(?:message\.)?(?:tool_calls\.\d+\.(?:tool_call\.function\.)?|function_call[._]?)(?:name|arguments)(?:_json)?"
)
_IMAGE: Final = re.compile(r"message\.contents\.\d+\.message_content\.image\..*")


def _indexed_messages(said: Said, attributes: Attributes, prefix: str) -> None:
    """Messages written as one attribute per field: `gen_ai.prompt.0.content`, `llm.input_messages.0.message.role`."""
    messages: dict[int, list[tuple[str, Json]]] = {}
    for name, value in _under(attributes, prefix):
        number, _, field = name.removeprefix(prefix).partition(".")
        if _NUMBER.fullmatch(number):
            messages.setdefault(int(number), []).append((field, value))
    for _, fields in sorted(messages.items()):
        roles = (value for field, value in fields if field in ("role", "message.role"))
        said.message(next(roles, None))
        for field, value in fields:
            if _CONTENT.fullmatch(field):
                read_content(said, _parts(value))
            elif _TOOL.fullmatch(field):
                said.document(value)
            elif _IMAGE.fullmatch(field):
                read_content(said, {"type": "image"})


def _under(attributes: Attributes, prefix: str) -> list[tuple[str, Json]]:
    return [(name, value) for name, value in attributes.items() if name.startswith(prefix)]


def _object(text: str | None) -> dict[str, Json]:
    document = orjson.loads(text) if text else {}
    return document if isinstance(document, dict) else {}


def _parsed(value: Json) -> Json:
    return parsed(value) if isinstance(value, str) else value


def _parts(value: Json) -> Json:
    """A message's content, which some write as the JSON of its parts; text that merely looks like it stays text."""
    document = _parsed(value) if isinstance(value, str) and value.startswith("[{") else value
    return value if document is None else document


def _unpacked(inside: Attributes) -> dict[str, Json]:
    """The fields of an event, those that hold a document taken apart."""
    return {name: _parts(value) if name == "content" else _parsed(value) for name, value in inside.items()}


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
