"""Import files: every format and packing gives the same payloads, and a bad part never costs the rest."""

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.inspection import inspect_traces
from receiver.journal import Journal, Kind
from receiver.otlp_files import BadPayload, ImportFileError, Payload, content_sha256, read_payloads
from receiver.otlp_files.protobuf_files import SPLIT_BYTES
from receiver.otlp_json import traces_to_protobuf

DATA = Path(__file__).parents[1] / "data" / "otlp_files"
REQUESTS = [path.read_bytes() for path in sorted(DATA.glob("*.pb"))]
DOCUMENTS = [path.read_bytes() for path in sorted(DATA.glob("*.json"))]
CONVERTED = [traces_to_protobuf(document) for document in DOCUMENTS]
LIMIT = 4 * SPLIT_BYTES

Pack = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    return data


PACKINGS: dict[str, Pack] = {
    "plain": same,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "several gzip members": lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:]),
    "several zstd frames": lambda data: zstandard.compress(data[:99]) + zstandard.compress(data[99:]),
}


def fixed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def varint(message: bytes) -> bytes:
    length, size = bytearray(), len(message)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*length, size]) + message


def file_of(directory: Path, data: bytes) -> Path:
    path = directory / "import.me"
    path.write_bytes(data)
    return path


def read(directory: Path, data: bytes, limit: int = LIMIT) -> list[Payload | BadPayload]:
    return list(read_payloads(file_of(directory, data), max_payload_bytes=limit))


def payloads(items: list[Payload | BadPayload]) -> list[bytes]:
    return [item.payload for item in items if isinstance(item, Payload)]


def reasons(items: list[Payload | BadPayload]) -> list[str]:
    return [item.reason for item in items if isinstance(item, BadPayload)]


FORMATS: dict[str, tuple[bytes, list[bytes]]] = {
    "a request": (REQUESTS[0], REQUESTS[:1]),
    "requests one after another": (b"".join(REQUESTS), [b"".join(REQUESTS)]),
    "4-byte lengths": (b"".join(map(fixed, REQUESTS)), REQUESTS),
    "4-byte lengths, empty first": (fixed(b"") + fixed(REQUESTS[0]), REQUESTS[:1]),
    "4-byte lengths, zstd messages": (b"".join(fixed(zstandard.compress(each)) for each in REQUESTS), REQUESTS),
    "4-byte lengths, JSON messages": (b"".join(map(fixed, DOCUMENTS)), CONVERTED),
    "varint lengths": (b"".join(map(varint, REQUESTS)), REQUESTS),
    "varint lengths, empty first": (varint(b"") + varint(REQUESTS[0]), REQUESTS[:1]),
    "JSON lines": (b"\n".join(DOCUMENTS), CONVERTED),
    "JSON lines, blank ones between": (b"\r\n\n".join([*DOCUMENTS, b" "]), CONVERTED),
    "one JSON line": (DOCUMENTS[0], CONVERTED[:1]),
    "a JSON document": (json.dumps(json.loads(DOCUMENTS[0]), indent=2).encode(), CONVERTED[:1]),
    "a JSON document with a byte order mark": (b"\xef\xbb\xbf" + DOCUMENTS[0], CONVERTED[:1]),
}


@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS.keys())
@pytest.mark.parametrize(("data", "expected"), FORMATS.values(), ids=FORMATS.keys())
def test_every_format_in_every_packing(tmp_path: Path, data: bytes, expected: list[bytes], pack: Pack) -> None:
    items = read(tmp_path, pack(data))
    assert payloads(items) == expected
    assert not reasons(items)
    assert all(isinstance(item, Payload) and item.kind is Kind.TRACES for item in items)
    assert all(isinstance(item, Payload) and item.received_ns is None for item in items)
    indices = [item.index for item in items]
    assert indices == sorted(set(indices))


@pytest.mark.parametrize("request_bytes", REQUESTS)
def test_what_is_read_is_what_was_captured(tmp_path: Path, request_bytes: bytes) -> None:
    (payload,) = payloads(read(tmp_path, request_bytes))
    assert inspect_traces(payload) == inspect_traces(request_bytes)
    assert inspect_traces(payload).spans > 0


@settings(max_examples=200, deadline=None)
@given(size=st.integers(0, 400))
def test_a_message_of_any_length_is_told_by_its_content(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    """Lengths look like other formats' first bytes: 10 like a protobuf field, 123 like the brace of JSON."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add(schema_url="x" * size).resource.SetInParent()
    message = request.SerializeToString()
    directory = tmp_path_factory.mktemp("any")
    assert payloads(read(directory, message * 2)) == [message * 2]
    assert payloads(read(directory, varint(message) * 2)) == [message] * 2
    assert payloads(read(directory, fixed(message) * 2)) == [message] * 2


def test_a_huge_request_is_split_between_its_resources(tmp_path: Path) -> None:
    copies = 2 * SPLIT_BYTES // len(REQUESTS[1]) + 1
    items = read(tmp_path, REQUESTS[1] * copies)
    assert len(items) == 3
    assert all(len(payload) <= SPLIT_BYTES for payload in payloads(items))
    assert b"".join(payloads(items)) == REQUESTS[1] * copies
    assert [item.index for item in items] == [0, 1, 2]


def test_resources_over_the_limit_are_left_out(tmp_path: Path) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add(schema_url="x" * LIMIT)
    items = read(tmp_path, REQUESTS[0] + request.SerializeToString() + REQUESTS[1])
    assert payloads(items) == [REQUESTS[0], REQUESTS[1]]
    assert len(reasons(items)) == 1
    assert f"byte {len(REQUESTS[0])}: resource_spans of" in reasons(items)[0]


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    unknown = bytes([2 << 3 | 2, 3]) + b"new" + bytes([3 << 3 | 0, 7]) + bytes([4 << 3 | 5, 1, 2, 3, 4])
    assert payloads(read(tmp_path, REQUESTS[0] + unknown + REQUESTS[1])) == [REQUESTS[0] + REQUESTS[1]]


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_request_cut_short(tmp_path: Path, cut: int) -> None:
    items = read(tmp_path, REQUESTS[0] + REQUESTS[1][:-cut])
    assert payloads(items)[0].startswith(REQUESTS[0])
    assert "cut short" in reasons(items)[0]


def test_a_request_that_turns_into_something_else(tmp_path: Path) -> None:
    items = read(tmp_path, REQUESTS[1] * 5 + b"\x07garbage")
    assert payloads(items) == [REQUESTS[1] * 5]
    assert reasons(items) == [f"byte {5 * len(REQUESTS[1])}: a field has number 0; what follows cannot be read"]


@pytest.mark.parametrize("delimited", [fixed, varint])
def test_a_bad_message_among_good_ones(tmp_path: Path, delimited: Pack) -> None:
    bad = [b"{not json}", zstandard.compress(REQUESTS[0])[:-9], b"x" * (LIMIT + 1)]
    data = b"".join(delimited(message) for message in (REQUESTS[0], *bad, REQUESTS[1])) + delimited(REQUESTS[2])[:-1]
    items = read(tmp_path, data)
    assert payloads(items) == REQUESTS[:2]
    not_json, packed, large, short = reasons(items)
    assert "damaged" in packed or "cut short" in packed
    assert f"more than {LIMIT}" in large
    assert "is cut short" in short
    assert not_json.startswith(f"byte {len(delimited(REQUESTS[0]))}:")
    assert [item.index for item in items][:5] == [0, 1, 2, 3, 4]


def test_a_zstd_bomb_in_a_message_stays_out_of_memory(tmp_path: Path) -> None:
    bomb = zstandard.compress(b"\0" * (LIMIT * 64))
    items = read(tmp_path, fixed(bomb) + fixed(REQUESTS[0]))
    assert payloads(items) == REQUESTS[:1]
    assert f"more than {LIMIT} bytes after decompression" in reasons(items)[0]


BAD_LINES = {
    "not JSON": (b'{"resourceSpans": [}', "line 2: "),
    "a JSON array": (b"[1, 2]", "line 2: "),
    "snake case": (b'{"resource_spans": []}', "snake_case"),
    "something else": (b'{"signals": []}', "line 2: no resourceSpans in it"),
    "too long": (b'{"resourceSpans": "' + b"x" * LIMIT + b'"}', f"line 2: more than {LIMIT} bytes"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_among_good_ones(tmp_path: Path, line: bytes, reason: str) -> None:
    items = read(tmp_path, b"\n".join((DOCUMENTS[0], line, DOCUMENTS[1])) + b"\n")
    assert payloads(items) == CONVERTED
    assert reason in reasons(items)[0]
    assert [item.index for item in items] == [0, 1, 2]


@pytest.mark.parametrize("first", [b'{"resourceSpans": [', DOCUMENTS[0][50:], b"not even JSON"])
def test_a_bad_first_line_does_not_hide_the_rest(tmp_path: Path, first: bytes) -> None:
    items = read(tmp_path, first + b"\n" + b"\n".join(DOCUMENTS))
    assert payloads(items) == CONVERTED
    assert reasons(items)[0].startswith("line 1: ")


def test_lines_of_other_signals_are_passed_over(tmp_path: Path) -> None:
    """One Collector exporter may serve the pipelines of traces, metrics and logs."""
    others = [b'{"resourceMetrics":[{}]}', b'{"resourceLogs":[]}', b'{"resourceSpans":[]}', b"{}"]
    items = read(tmp_path, b"\n".join((*others, DOCUMENTS[0], *others)))
    assert payloads(items) == CONVERTED[:1]
    assert not reasons(items)


def test_another_json_reader_can_be_given(tmp_path: Path) -> None:
    path = file_of(tmp_path, b'{"a": 1}\n{"b": 2}\n')
    items = list(read_payloads(path, max_payload_bytes=LIMIT, to_protobuf=bytes.upper))
    assert payloads(items) == [b'{"A": 1}', b'{"B": 2}']


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_a_journal_segment_with_its_signals(tmp_path: Path, packing: str) -> None:
    signals = b'{"signals":[{"signal_id":"sig_1"}]}'
    with Journal(tmp_path / "journal", clock=lambda: 123) as journal:
        journal.append(Kind.TRACES, REQUESTS[0]).result(5)
        journal.append(Kind.SIGNALS, signals).result(5)
    segment = (tmp_path / "journal" / "00000000000000000001.mlj").read_bytes()
    assert read(tmp_path, PACKINGS[packing](segment)) == [
        Payload(Kind.TRACES, REQUESTS[0], 0, 123),
        Payload(Kind.SIGNALS, signals, 1, 123),
    ]


def test_a_damaged_journal_segment(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        for request in REQUESTS:
            journal.append(Kind.TRACES, request).result(5)
    segment = bytearray((tmp_path / "journal" / "00000000000000000001.mlj").read_bytes())
    segment[0] ^= 1
    segment[len(REQUESTS[0]) + 200] ^= 1
    items = read(tmp_path, bytes(segment))
    assert payloads(items) == [REQUESTS[0], REQUESTS[2]]
    header, record = reasons(items)
    assert "the segment's header is damaged" in header
    assert "record 2 does not match its checksum" in record


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("form", ["JSON lines", "4-byte lengths", "requests one after another"])
def test_a_packed_file_cut_short_gives_what_is_before(tmp_path: Path, pack: Pack, form: str) -> None:
    data, _ = FORMATS[form]
    items = read(tmp_path, pack((data + b"\n" if form == "JSON lines" else data) * 500)[:-20])
    assert payloads(items)
    assert reasons(items)[-1].startswith("nothing more can be read: the ")


BAD_FILES = {
    "text": (b"Dear reader,\nthis is a letter.\n", "byte 0: this is not OTLP traces"),
    "a line of CSV": (b"trace_id,span_id\n1,2\n", "byte 0: this is not OTLP traces"),
    "zeros": (b"\0" * 100_000, "byte 0: this is not OTLP traces"),
    "a broken JSON document": (b'{\n  "resourceSpans": [\n    {"resource": \n', "not JSON: "),
    "JSON that is not OTLP": (b'{"resourceSpans":\n "none"}', "resourceSpans"),
    "another JSON document": (b'{"signals":\n []}', "no resourceSpans in it"),
    "no gzip at all": (b"\x1f\x8bnot gzip", "the gzip data is "),
    "no zstd at all": (b"\x28\xb5\x2f\xfdnot zstd", "the zstd data is "),
    "an early end of gzip": (gzip.compress(REQUESTS[0])[:12], "the gzip data is cut short"),
}


@pytest.mark.parametrize(("data", "reason"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_cannot_be_read_at_all(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ImportFileError) as failure:
        read(tmp_path, data)
    assert str(failure.value).startswith(f"{tmp_path / 'import.me'}: ")
    assert reason in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_json_document_over_the_limit(tmp_path: Path) -> None:
    pretty = json.dumps({"resourceSpans": ["x" * 1_000] * (LIMIT // 1_000 + 1)}, indent=1).encode()
    with pytest.raises(ImportFileError, match="write one request a line instead"):
        read(tmp_path, pretty)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="nowhere: No such file"):
        list(read_payloads(tmp_path / "nowhere", max_payload_bytes=LIMIT))
    with pytest.raises(ImportFileError, match="nowhere: No such file"):
        content_sha256(tmp_path / "nowhere")
    with pytest.raises(ImportFileError, match="Is a directory"):
        list(read_payloads(tmp_path, max_payload_bytes=LIMIT))


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []
    assert read(tmp_path, gzip.compress(b"")) == []


def test_the_limit_has_a_floor(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        read(tmp_path, REQUESTS[0], limit=SPLIT_BYTES - 1)


def test_the_key_of_an_import_is_the_hash_of_the_file(tmp_path: Path) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content_sha256(file_of(tmp_path, b"")) == empty


@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMATS)),
    pack=st.sampled_from(("plain", "gzip", "zstd")),
    changes=st.lists(st.tuples(st.integers(0, 30_000), st.binary(max_size=8)), min_size=1, max_size=4),
)
def test_arbitrary_damage_never_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, form: str, pack: str, changes: list[tuple[int, bytes]]
) -> None:
    data = bytearray(PACKINGS[pack](FORMATS[form][0]))
    for at, noise in changes:
        place = at % (len(data) + 1)
        data[place : place + len(noise)] = noise
    directory = tmp_path_factory.mktemp("noise")
    items: list[Payload | BadPayload] = []
    with suppress(ImportFileError):
        items = read(directory, bytes(data))
    indices = [item.index for item in items]
    assert indices == sorted(set(indices))
    assert all("\n" not in reason for reason in reasons(items))
