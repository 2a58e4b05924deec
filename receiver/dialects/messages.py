"""What was said in a conversation, read out of the documents in which SDKs write it down.

Every SDK has a shape of its own: lists of messages, whole request and response bodies, dumps of framework objects. Only
what is known to be text is read; a document of an unknown shape says nothing, since its punctuation is no prompt.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

import orjson

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None

LONGEST: Final = 4_000_000
"""Characters of one side of a call that are looked at. More do not fit into any model's context."""

_DEEPEST: Final = 24
"""Documents nested deeper are a sender's joke; no shape we know needs half of it."""

MEDIA, TOOLS, CUT = "media_uncounted", "tools_as_text", "text_cut"

_MEDIA_TYPES: Final = frozenset(
    {
        "image", "image_url", "input_image", "output_image", "image-data", "audio", "input_audio", "output_audio",
        "video", "file", "input_file", "document", "blob", "uri", "media",
    }
)  # fmt: skip
_MEDIA_KEYS: Final = (
    "image_url", "input_audio", "inlineData", "inline_data", "fileData", "file_data", "image", "document", "video",
)  # fmt: skip
_TEXT_KEYS: Final = ("text", "content", "parts", "contents", "thinking", "reasoning", "refusal", "value")
_CALL_KEYS: Final = ("function", "functionCall", "function_call", "toolUse", "tool_call", "custom")
_RESULT_KEYS: Final = ("functionResponse", "function_response", "toolResult")
_NAMES: Final = ("name", "toolName", "tool_name")
_ARGUMENTS: Final = ("arguments", "args", "input")
_RESULTS: Final = ("result", "response", "output", "content")
_SYSTEM_KEYS: Final = ("system", "system_instruction", "systemInstruction", "instructions")
_MESSAGES_KEYS: Final = ("messages", "input", "contents", "prompt", "prompts", "inputs", "values")
_ANSWER_KEYS: Final = (
    "choices", "candidates", "generations", "output", "outputs", "message", "delta", "response", "completion",
    "combined_chunk_content", "content", "text", "tool_calls",
)  # fmt: skip
_LANGCHAIN_ROLES: Final = {"human": "user", "ai": "assistant", "aimessagechunk": "assistant"}


class Said:
    """The texts of one side of a call, in order: `pieces`, the `roles` of its messages, and `notes` on what is lost."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.roles: list[str] = []
        self.notes: set[str] = set()
        self._room = LONGEST

    def text(self, text: str) -> None:
        """Add a text, as far as there is room."""
        if len(text) > self._room:
            self.notes.add(CUT)
        if piece := text[: self._room]:
            self.pieces.append(piece)
            self._room -= len(piece)

    def document(self, value: Json) -> None:
        """Add arguments or results of a tool: text as it is, anything else as JSON."""
        if isinstance(value, str):
            self.text(value)
        elif value:
            try:
                self.text(orjson.dumps(value).decode())
            except orjson.JSONEncodeError:  # it reads deeper documents than it writes
                self.notes.add(CUT)

    def message(self, role: Json) -> None:
        """A message begins."""
        self.roles.append(role if isinstance(role, str) and role else "user")

    def definitions(self, tools: Json) -> None:
        """Add definitions of tools. Models are shown them in another notation, so this is rough."""
        for tool in tools if isinstance(tools, list) else [tools]:
            if tool:
                self.notes.add(TOOLS)
                self.document(tool)


def parsed(text: str) -> Json:
    """The document in a text, or the text where it is none; None for one that was cut off, and for nothing."""
    if text == "null":
        return None
    if not text.startswith(("{", "[", '"')):
        return text
    try:
        document: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None if text.startswith(("{", '["', "[{", "[[")) else text
    return document


def read_request(said: Said, value: Json, depth: int = 0) -> None:
    """What a model was given: a prompt, messages, or the body of a request."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        said.message("user")
        said.text(value)
    elif isinstance(value, list):
        for item in value:
            read_request(said, item, depth + 1)
    elif isinstance(value, dict):
        message = _as_message(value)
        if message is not None:
            read_message(said, message, depth + 1)
            return
        if (system := _first(value, _SYSTEM_KEYS)) is not None:
            said.message("system")
            read_content(said, system, depth + 1)
        if (messages := _first(value, _MESSAGES_KEYS)) is not None:
            read_request(said, messages, depth + 1)
            said.definitions(_first(value, ("tools", "functions")))
        elif isinstance(value.get("type"), str) or _first(value, _TEXT_KEYS) is not None:
            said.message("user")
            _read_part(said, value, depth + 1)


def read_answer(said: Said, value: Json, depth: int = 0) -> None:
    """What a model answered: a text, messages, or the body of a response."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        said.text(value)
    elif isinstance(value, list):
        for item in value:
            read_answer(said, item, depth + 1)
    elif isinstance(value, dict):
        message = _as_message(value)
        if message is not None:
            read_message(said, message, depth + 1)
        elif isinstance(value.get("type"), str) and "message" not in value:
            read_content(said, value, depth + 1)
        else:
            # LangChain's generations hold their message and its text, so the message comes first and alone.
            read_answer(said, _first(value, _ANSWER_KEYS), depth + 1)


def read_message(said: Said, message: dict[str, Json], depth: int = 0) -> None:
    """One message: its role, its content, and the tools it calls."""
    said.message(message.get("role"))
    read_content(said, _first(message, ("content", "parts", "contents", "text")), depth + 1)
    calls = _first(message, ("tool_calls", "toolCalls", "function_call"))
    for call in calls if isinstance(calls, list) else [calls]:
        if isinstance(call, dict):
            read_call(said, call)


def read_content(said: Said, value: Json, depth: int = 0) -> None:
    """The content of a message: a text, or parts of text, calls and results of tools, and media."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        said.text(value)
    elif isinstance(value, list):
        for item in value:
            read_content(said, item, depth + 1)
    elif isinstance(value, dict):
        _read_part(said, value, depth)


def read_call(said: Said, call: dict[str, Json]) -> None:
    """A call of a tool: its name and its arguments, wherever they are."""
    inner = _first(call, _CALL_KEYS)
    called = inner if isinstance(inner, dict) else call
    said.document(_first(called, _NAMES))
    said.document(_first(called, _ARGUMENTS))


def _read_part(said: Said, part: dict[str, Json], depth: int) -> None:
    kind = part.get("type")
    kind = kind.replace("-", "_") if isinstance(kind, str) else ""
    inner = _first(part, _RESULT_KEYS)
    if kind in _MEDIA_TYPES or (not kind and _first(part, _MEDIA_KEYS) is not None):
        said.notes.add(MEDIA)
    elif isinstance(inner, dict) or kind in ("tool_result", "tool_call_response", "function_call_output"):
        result = _first(inner if isinstance(inner, dict) else part, _RESULTS)
        texts = isinstance(result, list) and all(isinstance(item, dict) for item in result)
        read_content(said, result, depth + 1) if texts else said.document(result)
    elif kind in ("tool_use", "tool_call", "function_call", "server_tool_use") or _first(part, _CALL_KEYS) is not None:
        read_call(said, part)
    else:
        read_content(said, _first(part, _TEXT_KEYS), depth + 1)


def _as_message(value: dict[str, Json]) -> dict[str, Json] | None:
    """The value as a message with a role, when it is one."""
    fields = value.get("kwargs")
    if isinstance(fields, dict) and ("lc" in value or isinstance(fields.get("content"), str | list)):
        kind = str(fields.get("type") or "").lower()
        more = fields.get("additional_kwargs")
        calls = fields.get("tool_calls") or (more.get("tool_calls") if isinstance(more, dict) else None)
        return {"role": _LANGCHAIN_ROLES.get(kind, kind), "content": fields.get("content"), "tool_calls": calls}
    if isinstance(value.get("role"), str) and "choices" not in value:
        return value
    return None


def _first(value: dict[str, Json], keys: Iterable[str]) -> Json:
    """The first of the fields that holds anything."""
    return next((value[key] for key in keys if value.get(key)), None)
