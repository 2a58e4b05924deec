"""OTLP trace payloads become columns by way of protobuf messages: the reference that ``wire_decode`` agrees with.

The one place where Python runs once per span. It decodes what comes in small batches, what the scanner does not know,
and everything where nothing can be compiled. What costs most, the attributes, is left to ``decode_codes``: a span's
loop only looks them up.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import orjson
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from receiver.decode_codes import AttributeCodes
from receiver.decode_columns import Block, Origin, spans_frame
from receiver.decode_events import EventRows
from receiver.decode_rejected import RejectedRows
from receiver.decode_values import json_object, text_value
from receiver.decode_view import SpanView, parse_view, plain_bytes
from receiver.frames import Decoded, Wanted
from receiver.inspection import MalformedPayload, parse
from receiver.redact import Disposition, disposition
from receiver.span_rules import NO_SPAN, NO_TRACE, refusal

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

_IDLE_CODES: Final[dict[tuple[frozenset[str], bool], AttributeCodes]] = {}
"""What earlier calls learned about attributes, by what was wanted. A call takes it out and puts it back."""

_MOST_IDLE: Final = 4

_SPANS_AT_ONCE: Final = 512
"""Payloads are read together until they hold so many spans; more at once only take memory."""


def decode_messages(payloads: Sequence[tuple[bytes, int]], wanted: Wanted, *, capture_content: bool = False) -> Decoded:
    """What ``receiver.decode.decode_traces`` says, span by span."""
    return decode_with_places(payloads, wanted, capture_content=capture_content)[0]


def decode_with_places(
    payloads: Sequence[tuple[bytes, int]], wanted: Wanted, *, capture_content: bool
) -> tuple[Decoded, list[int]]:
    """The same, and for every event the place of its payload among those given."""
    with _codes_for(wanted.span_keys, capture_content=capture_content) as codes:
        batch = _Batch(wanted, codes, capture_content=capture_content)
        for index, (payload, received_ns) in enumerate(payloads):
            batch.add(index, payload, received_ns)
        return batch.frames()


@contextmanager
def _codes_for(wanted: frozenset[str], *, capture_content: bool) -> Iterator[AttributeCodes]:
    """Attribute codes for one call; two calls at a time have different ones."""
    key = (wanted, capture_content)
    codes = _IDLE_CODES.pop(key, None)
    if codes is None:
        codes = AttributeCodes(wanted, capture_content=capture_content)
    yield codes  # not put back after an error: they may be in the middle of a batch
    codes.end_batch()
    if len(_IDLE_CODES) < _MOST_IDLE:
        _IDLE_CODES[key] = codes
    else:
        _IDLE_CODES.clear()


class _Ids(NamedTuple):
    """The ids of some spans, a list for each kind."""

    trace_ids: list[bytes]
    span_ids: list[bytes]
    parent_ids: list[bytes]


class _Parsed(NamedTuple):
    """A payload whose attributes are still to be looked at; for each scope: ResourceSpans, scope, spans."""

    place: int
    payload: bytes
    received_ns: int
    scopes: list[tuple[Any, Any, list[SpanView]]]


class _Batch:
    """What the payloads of one call hold."""

    def __init__(self, wanted: Wanted, codes: AttributeCodes, *, capture_content: bool) -> None:
        self._wanted = wanted
        self._codes = codes
        self._capture_content = capture_content
        self._blocks: list[Block] = []
        self._events = EventRows(wanted, capture_content=capture_content)
        self._rejected = RejectedRows()
        self._resources: dict[bytes, tuple[str | None, dict[str, str], int]] = {}
        self._waiting: list[_Parsed] = []
        self._waiting_spans = 0

    def add(self, index: int, payload: bytes, received_ns: int) -> None:
        """Take one payload; it is read with those around it, for it costs less to look up many attributes at once."""
        try:
            scopes = [
                (resource_spans, scope_spans.scope, list(scope_spans.spans))
                for resource_spans in parse_view(payload).resource_spans
                for scope_spans in resource_spans.scope_spans
            ]
        except DecodeError as error:
            self._read_waiting()  # rejections, too, keep the order of the payloads
            self._rejected.add_payload(_complaint(payload, error), payload, received_ns, index)
            return
        self._waiting.append(_Parsed(index, payload, received_ns, scopes))
        self._waiting_spans += sum(len(spans) for *_, spans in scopes)
        if self._waiting_spans >= _SPANS_AT_ONCE:
            self._read_waiting()

    def _read_waiting(self) -> None:
        waiting, self._waiting, self._waiting_spans = self._waiting, [], 0
        if waiting:
            self._read_together(waiting)

    def _read_together(self, payloads: list[_Parsed]) -> None:
        """Read the spans of some payloads. All attributes come first: a payload counts as a whole or not at all."""
        try:
            read = self._read([span for parsed in payloads for *_, spans in parsed.scopes for span in spans])
        except DecodeError as error:
            if len(payloads) > 1:  # find out whose attribute it is
                for parsed in payloads:
                    self._read_together([parsed])
            else:
                index, payload, received_ns, _ = payloads[0]
                self._rejected.add_payload(_complaint(payload, error), payload, received_ns, index)
            return
        all_counts, all_codes, all_hashes = read
        bounds = [0, *np.cumsum(all_counts).tolist()]
        first = 0
        for index, _, received_ns, scopes in payloads:
            for resource_spans, scope, spans in scopes:
                last = first + len(spans)
                codes = all_codes[bounds[first] : bounds[last]]
                origin, tail = self._origin(resource_spans.resource, scope, received_ns, index)
                self._add(spans, all_counts[first:last], codes, all_hashes[first:last], origin, tail)
                first = last

    def _add(
        self,
        spans: list[SpanView],
        counts: NDArray[np.int64],
        codes: NDArray[np.int64],
        hashes: list[int],
        origin: Origin,
        tail: int,
    ) -> None:
        """Keep the accepted spans of one scope and record the others."""
        ids = _Ids(
            [span.trace_id for span in spans],
            [span.span_id for span in spans],
            [span.parent_span_id for span in spans],
        )
        if not _regular(ids):
            kept = np.array([refusal(*each) is None for each in zip(*ids, strict=True)], dtype=bool)
            refused = ((span, digest) for span, digest, good in zip(spans, hashes, kept, strict=True) if not good)
            self._rejected.add_spans(refused, origin.received_ns, origin.payload_index)
            codes = codes[np.repeat(kept, counts)]
            spans, hashes, counts = list(compress(spans, kept)), list(compress(hashes, kept)), counts[kept]
            ids = _Ids(*(list(compress(each, kept)) for each in ids))
        if spans:
            self._blocks.append(_block(spans, ids, counts, codes, hashes, origin, tail))
            self._events.add(spans, hashes, origin.payload_index)

    def _read(self, spans: list[SpanView]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
        """How many attributes each span has, the codes of these one after the other, and the spans' content hashes."""
        codes = self._codes
        irregular = codes.irregular
        attributes: list[bytes] = []
        counts: list[int] = []
        for span in spans:
            own = span.attributes[:]
            attributes += own
            counts.append(len(own))
        flat = codes.look_up(attributes)
        if codes.irregular == irregular:
            hashes = [xxh3_64_intdigest(span.SerializeToString()) for span in spans]
        else:  # the hash is of the span, not of how its sender encodes attributes
            hashes = [xxh3_64_intdigest(plain_bytes(span)) for span in spans]
        return np.array(counts, dtype=np.int64), flat, hashes

    def _origin(
        self, resource: "Resource", scope: "InstrumentationScope", received_ns: int, index: int
    ) -> tuple[Origin, int]:
        """What the spans of a scope share, and the code of their resource's JSON; a resource is read once a batch."""
        raw = resource.SerializeToString()
        known = self._resources.get(raw)
        if known is None:
            known = self._resources[raw] = self._read_resource(resource)
        service_name, text, tail = known
        return Origin(service_name, scope.name or None, scope.version or None, received_ns, index, text), tail

    def _read_resource(self, resource: "Resource") -> tuple[str | None, dict[str, str], int]:
        """The service name, the texts of wanted keys, and the code of the JSON that ends a span's attributes."""
        wanted_keys = self._wanted.resource_keys
        text: dict[str, str] = {}
        service_name: str | None = None
        for pair in resource.attributes:
            key = pair.key
            if key == "service.name":
                service_name = text_value(pair.value) or None
            if key in wanted_keys and disposition(key) is not Disposition.SECRET:
                rendered = text_value(pair.value)
                if rendered is not None:
                    text[key] = rendered
        stored = orjson.dumps(json_object(resource.attributes, capture_content=self._capture_content))
        return service_name, text, self._codes.pass_on(b'"resource":' + stored + b"}")

    def frames(self) -> tuple[Decoded, list[int]]:
        """The columns as frames, and by event the place of its payload."""
        self._read_waiting()
        spans = spans_frame(self._blocks, self._codes)
        return Decoded(spans, self._events.frame(), self._rejected.frame()), self._events.payloads


def _regular(ids: _Ids) -> bool:
    """Whether no span is refused, told without asking about each."""
    return (
        {16}.issuperset(map(len, ids.trace_ids))
        and {8}.issuperset(map(len, ids.span_ids))
        and {0, 8}.issuperset(map(len, ids.parent_ids))
        and NO_TRACE not in ids.trace_ids
        and NO_SPAN not in ids.span_ids
    )


def _block(
    spans: list[SpanView],
    ids: _Ids,
    counts: NDArray[np.int64],
    flat: NDArray[np.int64],
    hashes: list[int],
    origin: Origin,
    tail: int,
) -> Block:
    statuses = [span.status for span in spans]
    return Block(
        trace_ids=ids.trace_ids,
        span_ids=ids.span_ids,
        parent_ids=ids.parent_ids,
        names=[span.name for span in spans],
        kinds=[span.kind for span in spans],
        starts=[span.start_time_unix_nano for span in spans],
        ends=[span.end_time_unix_nano for span in spans],
        statuses=[status.code for status in statuses],
        messages=[status.message or None for status in statuses],
        trace_states=[span.trace_state or None for span in spans],
        hashes=hashes,
        attribute_counts=counts,
        attributes=flat,
        origin=origin,
        tail=tail,
    )


def _complaint(payload: bytes, error: DecodeError) -> str:
    """Why a payload is malformed, in the words of the look before the acknowledgement."""
    try:
        parse(payload)
    except MalformedPayload as told:
        return str(told)
    return str(error)
