"""The result of a benchmark as a table in Markdown, ready for docs/benchmarks.md."""

from collections.abc import Sequence
from typing import Any

FLOOR_SPANS_PER_SECOND = 20_000
FLOOR_ACK_P99_MS = 200


def print_table(result: dict[str, Any]) -> None:
    """Print machine, end-to-end figures and the machine's own limits."""
    machine = result["machine"]
    print(
        f"{result['date']} · {machine['cpu']}, {machine['cores']} cores shared with the generator, "
        f"{machine['memory_gib']} GiB · {machine['system']} · Python {machine['python']}, DuckDB {machine['duckdb']}\n"
    )
    most, steady = result["most"], result["steady"]
    rows = [
        ("", f"most ({result['seconds']:.0f} s)", f"steady ({result['seconds']:.0f} s)"),
        ("---", "---:", "---:"),
        ("spans sent", f"{most['spans']:,}", f"{steady['spans']:,}"),
        ("spans/s acknowledged", *_both(result, "acknowledged_spans_per_second")),
        ("**spans/s visible in costs and event_margins**", *_both(result, "visible_spans_per_second")),
        ("ack p50 / p95 / p99 / max, ms", _times(most["ack_ms"]), _times(steady["ack_ms"])),
        ("visible after ack p50 / p95 / p99 / max, ms", _times(most["freshness_ms"]), _times(steady["freshness_ms"])),
        ("peak memory of the service, MiB", *_both(result, "peak_memory_mib")),
        ("retries asked for", *_both(result, "retries")),
    ]
    print_rows(rows)
    limits = result["limits"]
    print_rows(
        [
            ("this machine's own limits, one station alone", "per second"),
            ("---", "---:"),
            ("transport: same generator, server only acknowledges", f"{limits['transport']:,} spans"),
            ("journal: append and fdatasync", f"{limits['journal']:,} spans"),
            ("decode: bytes to columns, compiled", f"{limits['decode']:,} spans"),
            ("decode: the same by protobuf messages", f"{limits['decode_messages']:,} spans"),
            ("prepare: decode, dialects, prices, signals", f"{limits['prepare']:,} spans"),
            ("price: calls to costs", f"{limits['price_calls']:,} calls"),
            ("commit: the resulting rows in transactions", f"{limits['commit']:,} spans"),
        ]
    )
    disk = ", ".join(f"{name} {size:,.1f}" for name, size in result["disk_bytes_per_span"].items())
    print(f"Bytes per span: {result['payload_bytes_per_span']:,} on the wire; on disk {disk}.")
    fast = most["visible_spans_per_second"] >= FLOOR_SPANS_PER_SECOND
    prompt = steady["ack_ms"]["p99"] < FLOOR_ACK_P99_MS
    print(
        f"Floors: {FLOOR_SPANS_PER_SECOND:,} spans/s end to end {'met' if fast else 'MISSED'}, "
        f"p99 ack under {FLOOR_ACK_P99_MS} ms {'met' if prompt else 'MISSED'}."
    )
    for line in result["wrong"]:
        print(f"WRONG: {line}")
    if not result["wrong"]:
        print(
            "Checked: every acknowledged span is there once, every call priced, every event has its margin, Σ adds up."
        )


def _both(result: dict[str, Any], key: str) -> tuple[str, str]:
    return f"{result['most'][key]:,}", f"{result['steady'][key]:,}"


def _times(times: dict[str, float]) -> str:
    return " / ".join(f"{times[name]:,.0f}" for name in ("p50", "p95", "p99", "max")) if times else "unknown"


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of cells as a Markdown table; the second row is its ruler."""
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()
