"""What `marginlake doctor` looks at: the install, the lake's invariants, disk, clock, coverage, the journal."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from analytics.invariants import INVARIANTS
from lake.connect import Lake
from lake.errors import LakeError
from marginlake.catalogs import CatalogError, available
from marginlake.ledger_check import ledger_problems

LEAST_FREE_BYTES = 1 << 30
CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and whether it is a failure or only worth knowing."""

    name: str
    message: str
    failed: bool = False
    warning: bool = False

    @property
    def mark(self) -> str:
        """How the check is shown."""
        return "FAIL" if self.failed else ("note" if self.warning else "ok")


def run_checks(data_dir: Path, config: Path | None = None) -> Iterator[Check]:
    """All checks, each as soon as it is known. A lake that cannot be opened is a failed check.

    config: the file with the settings, which say where the business is (None: the one that is found by itself).
    """
    yield Check("install", f"duckdb {duckdb.__version__}, polars {pl.__version__}")
    yield _prices(data_dir)
    try:
        lake = Lake.open(data_dir, read_only=True)
    except LakeError as error:
        yield Check("lake", str(error), failed=True)
        return
    with lake:
        yield Check("lake", _sizes(lake))
        if lake.outdated:
            message = f"written by an older marginlake; `marginlake maintain --data {data_dir}` brings it up to date"
            yield Check("schema", message, failed=True)
            return
        for invariant in INVARIANTS:
            yield _holds(lake, invariant.name, invariant.sql, invariant.explanation)
        yield _coverage(lake)
        yield _unmapped(lake)
        yield _rejections(lake)
        yield _clock(lake)
    if (problems := ledger_problems(data_dir, config)) is not None:
        yield Check("credits", "; ".join(problems) or "the ledger adds up", failed=bool(problems))
    yield _disk(data_dir)
    yield _journal(data_dir)


def _prices(data_dir: Path) -> Check:
    try:
        newest = available(data_dir)[-1]
    except (CatalogError, OSError) as error:
        return Check("prices", str(error), failed=True)
    age = (datetime.now(UTC) - newest.imported_at).days
    message = f"catalog {newest.catalog_id[:12]}, {newest.source} {newest.source_version}, {age} days old"
    return Check("prices", message, warning=age > 60)


def _sizes(lake: Lake) -> str:
    tables = ("spans", "costs", "signals", "cost_links", "event_margins")
    counts = lake.read("SELECT " + ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in tables))
    return ", ".join(f"{count} {name}" for name, count in counts.row(0, named=True).items())


def _holds(lake: Lake, name: str, sql: str, explanation: str) -> Check:
    broken = lake.read(f"SELECT count(*) AS n, any_value(to_json(broken)::VARCHAR) AS example FROM ({sql}) AS broken")
    count, example = broken.row(0)
    if count == 0:
        return Check(name, explanation)
    return Check(name, f"{explanation} Broken {count} times, e.g. {example}", failed=True)


def _coverage(lake: Lake) -> Check:
    total, unpriced = lake.read(
        "SELECT count(*), count(*) FILTER (status = 'unpriced') FROM costs WHERE status <> 'aggregate'"
    ).row(0)
    if total == 0:
        return Check("coverage", "no model calls yet", warning=True)
    share = f"{total - unpriced} of {total} model calls have a cost"
    more = "; `marginlake sql 'SELECT * FROM unpriced_models'` lists the rest" if unpriced else ""
    return Check("coverage", share + more, warning=unpriced > 0)


def _unmapped(lake: Lake) -> Check:
    kinds = lake.read("SELECT scope_name, sum(spans)::BIGINT AS n FROM unmapped_kinds GROUP BY 1 ORDER BY n DESC, 1")
    if kinds.is_empty():
        return Check("unmapped", "every span that looks like a model call is understood")
    scopes = ", ".join(f"{n} of {scope or 'no scope'}" for scope, n in kinds.head(3).iter_rows())
    more = "; ..." if kinds.height > 3 else ""
    told = f"{kinds['n'].sum()} spans look like model calls that are not understood ({scopes}{more})"
    advice = "`marginlake sql 'FROM unmapped_kinds'` lists them, docs/custom-dialects.md says what to do"
    return Check("unmapped", f"{told}; {advice}", warning=True)


def _rejections(lake: Lake) -> Check:
    rows = lake.read("SELECT reason, count(*) AS n FROM rejected GROUP BY reason ORDER BY n DESC, reason")
    if rows.is_empty():
        return Check("rejected", "nothing was rejected")
    return Check("rejected", ", ".join(f"{n} {reason}" for reason, n in rows.iter_rows()), warning=True)


def _clock(lake: Lake) -> Check:
    latest = lake.read("SELECT max(ingested_at) FROM spans").item()
    ahead = latest is not None and latest > datetime.now(UTC) + CLOCK_SLACK
    if ahead:
        return Check(
            "clock", f"the newest row was received at {latest.isoformat()}, which is in the future", failed=True
        )
    return Check("clock", f"it is {datetime.now(UTC).isoformat(timespec='seconds')}")


def _disk(data_dir: Path) -> Check:
    free = shutil.disk_usage(data_dir).free
    return Check("disk", f"{free / (1 << 30):.1f} GiB free", failed=free < LEAST_FREE_BYTES)


def _journal(data_dir: Path) -> Check:
    segments = list((data_dir / "journal").glob("*.mlj"))
    size = sum(path.stat().st_size for path in segments)
    return Check("journal", f"{len(segments)} segments, {size / (1 << 20):.1f} MiB")
