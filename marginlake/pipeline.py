"""The pure half of the conveyor: journal records become frames that are ready to land in the lake.

decode -> identity -> dialects -> estimate -> price, and signals from spans, span events and REST; spans that look like
calls but are not understood are listed. The live service, `import` and the rebuild from the archive all call
`prepare`; only the shell around it differs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl
import structlog
import xxhash

from analytics.likeness import likeness
from lake.schema import TABLES
from marginlake.estimates import estimate_arriving
from marginlake.rules import Rules
from receiver.decode import decode_traces
from receiver.dialects import to_calls_and_unmapped
from receiver.identity import own_identity
from receiver.journal.errors import Corruption
from receiver.journal.record import Kind, Record
from receiver.process import process
from receiver.sampling import sampling_weight
from receiver.signals.from_rest import signals_from_rest
from receiver.signals.from_spans import signals_from_spans

log = structlog.get_logger("pipeline")

_SPANS = {
    name: dtype
    for name, dtype in TABLES["spans"].polars_schema.items()
    if name not in ("customer_id", "product_id", "cost_scope", "dialect")
}
_SIGNALS = {**TABLES["signals"].polars_schema, "content_hash": pl.UInt64()}
_KEY = ["trace_id", "span_id"]
_OWN_WORDS = frozenset({"trace_id", "span_id", "parent_span_id", "kind", "status"})  # of decoded spans: hex and words
_NO_HASH = pl.lit(None, dtype=pl.UInt64).alias("content_hash")
_REJECTED = TABLES["rejected"].polars_schema


@dataclass(frozen=True)
class Prepared:
    """What some records hold, before the lake was asked what it already has.

    spans: table `spans` without inherited identity and dialect. calls: CALL_SCHEMA with the columns of `price_calls`.
    signals: table `signals`. unmapped: table `unmapped_calls`. These three carry the `content_hash` of the span they
    were read from (null for REST), which tells two versions of one span apart. rejected: table `rejected`.
    payload_bytes: size of the records.
    """

    spans: pl.DataFrame
    calls: pl.DataFrame
    signals: pl.DataFrame
    unmapped: pl.DataFrame
    rejected: pl.DataFrame
    payload_bytes: int


def prepare(records: Sequence[Record], rules: Rules) -> Prepared:
    """Turn records into frames; pure. Bad payloads, spans and signals are rows of `rejected`: nothing is dropped."""
    traces = [record for record in records if record.kind is Kind.TRACES]
    rest = [record for record in records if record.kind is Kind.SIGNALS]
    if not rest:
        return _of_traces(traces, rules)
    of_traces = _of_traces(traces, rules) if traces else _without_traces(rules)
    rest_signals, unreadable = map(
        without_nul, signals_from_rest([(record.payload, record.received_ns) for record in rest])
    )
    return replace(
        of_traces,
        signals=pl.concat([of_traces.signals, _signal_rows(rest_signals.with_columns(_NO_HASH))]),
        rejected=pl.concat([of_traces.rejected, _refusals(unreadable, "signal", rest)]),
        payload_bytes=sum(len(record.payload) for record in records),
    )


def _of_traces(records: Sequence[Record], rules: Rules) -> Prepared:
    payloads = [(record.payload, record.received_ns) for record in records]
    decoded = decode_traces(payloads, rules.wanted, capture_content=rules.capture_content)
    spans, events = without_nul(decoded.spans, _OWN_WORDS), without_nul(decoded.events)
    read = [_read_spans(version, events, payloads, rules) for version in _versions(spans)]
    refused = [_refusals(without_nul(decoded.rejected), "span", records)]
    refused += [_refusals(part.nameless, "signal", records) for part in read]
    return Prepared(
        spans=_span_rows(own_identity(spans, rules.identity)),
        calls=rules.price_again.price(pl.concat([part.calls for part in read]), rules.catalog),
        signals=pl.concat([_signal_rows(part.signals) for part in read]),
        unmapped=pl.concat([part.unmapped for part in read]),
        rejected=pl.concat(refused),
        payload_bytes=sum(len(record.payload) for record in records),
    )


def _without_traces(rules: Rules) -> Prepared:
    """`_of_traces` of nothing, which takes as long as that of a thousand spans: made once for the rules in use."""
    global _nothing
    known = _nothing
    if known is None or known[0] is not rules:
        known = _nothing = (rules, _of_traces([], rules))
    return known[1]


_nothing: tuple[Rules, Prepared] | None = None


def _signal_rows(signals: pl.DataFrame) -> pl.DataFrame:
    return signals.select(pl.col(name).cast(dtype) for name, dtype in _SIGNALS.items())


def without_nul(frame: pl.DataFrame, safe: Collection[str] = ()) -> pl.DataFrame:
    """The frame with U+FFFD for every NUL in its texts: neither SQLite nor Postgres, where catalogs live, has any.

    DuckLake sends the values one looks for into its catalog, so a single id with a NUL would make every later commit
    that meets it fail. Texts that are JSON have their NULs escaped and stay as they are. `safe`: columns without any.
    """
    texts = [
        name for name, dtype in frame.schema.items() if dtype == pl.String and name != "attributes" and name not in safe
    ]
    found = frame.select(pl.col(texts).str.contains("\0", literal=True).any())
    spoilt = [name for name in texts if found[name].item()]
    return frame.with_columns(pl.col(spoilt).str.replace_all("\0", "\ufffd", literal=True)) if spoilt else frame


def _versions(spans: pl.DataFrame) -> list[pl.DataFrame]:
    """The spans, once each; further versions of a span (same id, other content) are in frames of their own."""
    if spans["span_id"].n_unique() == spans.height:
        return [spans]
    distinct = spans.unique([*_KEY, "content_hash"], keep="first", maintain_order=True)
    if not distinct.select(pl.struct(_KEY).is_duplicated().any()).item():
        return [distinct]
    numbered = distinct.with_columns(pl.int_range(pl.len()).over(_KEY).alias("version"))
    return [part.drop("version") for part in numbered.partition_by("version", maintain_order=True)]


class _Read(NamedTuple):
    """What spans say; `nameless` are refused signals."""

    calls: pl.DataFrame
    unmapped: pl.DataFrame
    signals: pl.DataFrame
    nameless: pl.DataFrame


def _read_spans(
    spans: pl.DataFrame, events: pl.DataFrame, payloads: Sequence[tuple[bytes, int]], rules: Rules
) -> _Read:
    """Read spans whose ids are unique."""
    hashes = spans.select(*_KEY, "content_hash")
    senders = hashes.with_columns(spans.select(process(spans)))
    calls, unmapped = to_calls_and_unmapped(spans, rules.dialects)
    calls = calls.join(senders, on=_KEY, how="left", maintain_order="left")
    # what is looked for in other traces does not depend on whether a tokenizer was at hand
    calls = calls.with_columns(likeness(calls)).drop("process")
    calls = estimate_arriving(calls, spans, payloads, rules.tokens, rules.price_again.trust_reported)
    signals, nameless = signals_from_spans(spans, events, rules.identity)
    return _Read(calls, unmapped, signals.join(hashes, on=_KEY, how="left", maintain_order="left"), nameless)


@dataclass(frozen=True)
class Unreadable:
    """A stretch of a source that holds no readable record: why, in words and as a code; `place` identifies it."""

    reason: str
    detail: str
    place: str
    seq: int | None


def damage_of(corruptions: Sequence[Corruption]) -> list[Unreadable]:
    """What a journal's reader skipped."""
    found = []
    for damage in corruptions:
        lost = f"; records {damage.lost[0]} to {damage.lost[1]}" if damage.lost else ""
        detail = f"{damage.reason}: {damage.segment} at byte {damage.offset}, {damage.length} bytes{lost}"
        place = f"journal:{damage.segment}:{damage.offset}"
        found.append(Unreadable("journal_damage", detail, place, damage.lost[0] if damage.lost else None))
    return found


def prepare_or_reject(records: Sequence[Record], unreadable: Sequence[Unreadable], rules: Rules) -> Prepared:
    """`prepare`, but a record that breaks a stage is put aside as a row of `rejected`, so that it stops nothing."""
    damaged = [_unreadable_row(item) for item in unreadable]
    try:
        prepared = prepare(records, rules)
    except Exception as error:
        if len(records) <= 1:
            for record in records:
                log.exception("record cannot be prepared, it is put aside", seq=record.seq)
                damaged.append(_put_aside_row(record, "unreadable_record", error))
            return _with_rejected(prepare([], rules), damaged)
        middle = len(records) // 2
        halves = [prepare_or_reject(half, (), rules) for half in (records[:middle], records[middle:])]
        prepared = merge(halves)
    return _with_rejected(prepared, damaged)


def put_aside(records: Sequence[Record], error: Exception, rules: Rules) -> Prepared:
    """Nothing of these records but a row of `rejected` each: what the lake refuses to take, and why."""
    return _with_rejected(
        prepare([], rules), [_put_aside_row(record, "refused_by_the_lake", error) for record in records]
    )


def merge(pieces: Sequence[Prepared]) -> Prepared:
    """One batch out of several, in their order."""
    if len(pieces) == 1:
        return pieces[0]
    return Prepared(
        spans=pl.concat([piece.spans for piece in pieces]),
        calls=pl.concat([piece.calls for piece in pieces]),
        signals=pl.concat([piece.signals for piece in pieces]),
        unmapped=pl.concat([piece.unmapped for piece in pieces]),
        rejected=pl.concat([piece.rejected for piece in pieces]),
        payload_bytes=sum(piece.payload_bytes for piece in pieces),
    )


def _span_rows(spans: pl.DataFrame) -> pl.DataFrame:
    named = spans.with_columns(
        pl.col("customer_id").alias("own_customer_id"),
        pl.col("product_id").alias("own_product_id"),
        pl.col("cost_scope").alias("own_cost_scope"),
        pl.col("received_at").alias("ingested_at"),
        sampling_weight(pl.col("trace_state")).alias("sampling_weight"),
    )
    return named.select(pl.col(name).cast(dtype, strict=False) for name, dtype in _SPANS.items())


def _refusals(rejected: pl.DataFrame, kind: str, records: Sequence[Record]) -> pl.DataFrame:
    """Rows of the table `rejected`; the id follows from what was refused, so that a retry adds no second row."""
    content = pl.concat_str(
        pl.lit(kind), "reason", "trace_id", "span_id", pl.col("content_hash").cast(pl.String),
        separator=":", ignore_nulls=True,
    )  # fmt: skip
    keys = rejected.select(content.alias("key"))["key"]
    seqs = pl.Series("payload_seq", [record.seq for record in records], dtype=pl.Int64)
    return (
        rejected.with_columns(
            pl.Series(
                "rejected_id", ["rej_" + xxhash.xxh3_128_hexdigest(key.encode()) for key in keys], dtype=pl.String
            ),
            pl.lit(kind).alias("kind"),
            seqs.gather(rejected["payload_index"]) if rejected.height else pl.lit(None, pl.Int64).alias("payload_seq"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _REJECTED.items())
        .unique("rejected_id", keep="first", maintain_order=True)
    )


def _unreadable_row(item: Unreadable) -> dict[str, object]:
    log.error("source damage skipped", reason=item.reason, detail=item.detail)
    return {
        "rejected_id": "rej_" + xxhash.xxh3_128_hexdigest(item.place.encode()),
        "received_at": datetime.now(UTC),
        "kind": "record",
        "reason": item.reason,
        "detail": item.detail,
        "payload_seq": item.seq,
    }


def _put_aside_row(record: Record, reason: str, error: Exception) -> dict[str, object]:
    content = xxhash.xxh3_64_intdigest(record.payload)
    return {
        "rejected_id": f"rej_{content:016x}",
        "received_at": datetime.fromtimestamp(record.received_ns / 1e9, UTC),
        "kind": "record",
        "reason": reason,
        "detail": f"{type(error).__name__}: {error}"[:500],
        "content_hash": content,
        "payload_seq": record.seq,
    }


def _with_rejected(prepared: Prepared, rows: Sequence[dict[str, object]]) -> Prepared:
    if not rows:
        return prepared
    return replace(prepared, rejected=pl.concat([prepared.rejected, pl.DataFrame(rows, schema=_REJECTED)]))
