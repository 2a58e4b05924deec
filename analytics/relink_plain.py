"""Relinking plain traces in bulk: links and margins are compared with what they should be by scans, not by look-ups.

`analytics.plain` says which traces these are. Of those only links and margins can still be wrong. Rows that cannot be
right are deleted first; then missing links are made, a window of calls at a time, and margins are worked out by the
pure stages and compared. What the service changed since the scan began is left alone: it was linked exactly as it came.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import polars as pl

from analytics.component import Pricer
from analytics.event_rules import EventRules
from analytics.frames import COST_LINKS, EVENT_MARGINS, conform
from analytics.period import Period, windows
from analytics.plain import other_loose_signals, others
from analytics.plain_links import links_hold
from analytics.plain_margins import compare
from analytics.recompute import Changes
from analytics.revenue_rules import depends_on_periods
from analytics.value import EVENT_VALUES
from lake.commit import Transaction
from lake.connect import Lake

WINDOW = 500_000
"""Calls, or events, that are looked at together."""

_BEARS = "s.cost_traced AND s.cost_scope IS NULL AND NOT coalesce(c.customer_id <> s.customer_id, false)"
"""Whether event s bears the call c of its plain trace."""

_WRONG_LINKS = f"""
SELECT l.cost_id, l.signal_id FROM (SELECT * FROM cost_links WHERE {{among}}) AS l
LEFT JOIN costs AS c ON c.cost_id = l.cost_id
LEFT JOIN signals AS s ON s.signal_id = l.signal_id
WHERE c.cost_id IS NULL OR s.signal_id IS NULL OR c.status = 'aggregate'
   OR l.occurred_at IS DISTINCT FROM c.occurred_at OR l.event_at IS DISTINCT FROM s.occurred_at
   OR l.trace_id IS DISTINCT FROM c.trace_id
   OR (NOT (s.trace_id IS NOT DISTINCT FROM c.trace_id AND {_BEARS}
            AND l.rule = 'trace' AND l.cost_usd IS NOT DISTINCT FROM c.cost_usd)
       AND c.trace_id IS NOT NULL AND c.trace_id NOT IN (FROM others))
"""
"""Links that cannot be right: without ends, at the wrong time, or other than a plain trace has."""

_WRONG_MARGINS = """
SELECT signal_id FROM event_margins AS m
ANTI JOIN (SELECT hash(signal_id) AS signal, occurred_at FROM signals) AS s
ON s.signal = hash(m.signal_id) AND s.occurred_at = m.occurred_at
"""
"""Margins of no event, or at the wrong time."""

_MISSING = f"""
FROM (SELECT * FROM costs WHERE {{calls}}) AS c
JOIN (SELECT * FROM signals WHERE {{events}}) AS s ON s.trace_id = c.trace_id AND {_BEARS}
ANTI JOIN (SELECT * FROM cost_links WHERE {{calls}}) AS l ON l.cost_id = c.cost_id
WHERE c.status <> 'aggregate' AND c.trace_id NOT IN (FROM others)
"""
"""Calls of plain traces whose link is missing, with their event."""

_LACKING = f"""
SELECT min(c.occurred_at) AS first, max(c.occurred_at) AS last, min(s.occurred_at) AS early, max(s.occurred_at) AS late
{_MISSING.format(calls="true", events="true")} GROUP BY epoch_us(c.occurred_at) // 3600000000
"""
"""Where such calls and their events lie in time, hour by hour."""


def applies(rules: EventRules, price: Pricer) -> bool:
    """Whether plain traces can be told by scans: not where prices or revenue of an event hang on other events."""
    return not (getattr(price, "customers", ()) or depends_on_periods(rules.revenue) or rules.attribution == "each")


class PlainTraces:
    """The plain traces of a lake at one moment, and the work on them."""

    def __init__(self, lake: Lake, rules: EventRules) -> None:
        """Scan the lake for what is not plain."""
        self._lake = lake
        self._rules = rules
        self._own_batches: set[int] = set()
        with lake.reading() as tx:
            self._since = _newest_batch(tx)
            self.others = others(tx.read)
            self.other_loose = other_loose_signals(tx.read)

    def correct(self, progress: Callable[[int], None] = lambda done: None) -> Changes:
        """Delete what cannot be right, then add and replace what plain traces lack; `progress` is told of events."""
        with self._lake.reading() as tx:
            hold = links_hold(tx.read, self.others)
        changes = self._delete_wrong(hold)
        if not hold:
            changes += self._add_links()
        return changes + self._correct_margins(progress)

    def _delete_wrong(self, hold: bool) -> Changes:
        """Delete links and margins that cannot be right; where plain links `hold`, only others' links can be wrong."""
        among = "trace_id IN (FROM others)" if hold else "true"
        with self._lake.reading() as tx:
            nowhere = hold and self.others.is_empty()
            links = tx.read(_WRONG_LINKS.format(among="false" if nowhere else among), others=self.others)
            wrong = tx.read(_WRONG_MARGINS)
        if links.is_empty() and wrong.is_empty():
            return Changes()

        def delete(tx: Transaction) -> Changes:
            # The service may have made right meanwhile what was wrong.
            traced = links.with_columns(trace_id=pl.col("cost_id").str.split("_").list.get(1, null_on_oob=True))
            still = self._untouched(tx, traced)
            unknown = self._untouched(tx, wrong.with_columns(trace_id=pl.lit(None, pl.String)))
            tx.delete("cost_links", still.select("cost_id", "signal_id"))
            tx.delete("event_margins", unknown.select("signal_id"))
            return Changes(links=still.height, margins=unknown.height)

        return self._lake.run(delete, by_key=False)

    def _add_links(self) -> Changes:
        """Link calls of plain traces to their event where no link is, a window of calls at a time."""
        changes = Changes()
        with self._lake.reading() as tx:
            lacking = tx.read(_LACKING, others=self.others)
        span = Period(*lacking.select(pl.col("first").min(), pl.col("last").max() + pl.duration(microseconds=1)).row(0))
        for window in windows(self._lake.read, span, WINDOW) if lacking.height else ():
            # only the events of these calls need be read
            begin, end = window.period.start, window.period.end
            events = lacking.filter(pl.col("first") < end, pl.col("last") >= begin)
            if events.is_empty():
                continue
            early, late = events.select(pl.col("early").min(), pl.col("late").max()).row(0)
            near = f"occurred_at BETWEEN '{early.isoformat()}' AND '{late.isoformat()}'"
            changes += self._link_window(_MISSING.format(calls=window.period.condition("occurred_at"), events=near))
        return changes

    def _link_window(self, asked: str) -> Changes:
        with self._lake.reading() as tx:
            links = tx.read(
                "SELECT c.cost_id, s.signal_id, 'trace' AS rule, c.cost_usd, c.trace_id, c.occurred_at, "
                f"s.occurred_at AS event_at {asked}",
                others=self.others,
            )
        if links.is_empty():
            return Changes()
        links = conform(links, COST_LINKS)

        def write(tx: Transaction) -> Changes:
            # a link lies at the time of its call, which is filed under the same trace
            return Changes(links=tx.append("cost_links", self._untouched(tx, links), filed=["trace"]))

        return self._write(write)

    def _correct_margins(self, progress: Callable[[int], None]) -> Changes:
        changes, done = Changes(), 0
        for window in windows(self._lake.read, Period(), WINDOW, of="signals"):
            changes += self._margin_window(window.period)
            done += window.calls
            progress(done)
        return changes

    def _margin_window(self, period: Period) -> Changes:
        """Margins of the events of a window: worked out from their links, compared, written where they differ."""
        with self._lake.reading() as tx:
            found = compare(tx.read, period, self._rules, self.others, self.other_loose)
        changes = Changes()
        if not found.margins.is_empty():
            traced = self._with_trace(found.margins, period)
            changes += self._write(partial(self._write_margins, wrong=traced))
        return changes if found.values is None else changes + self._correct_values(period, found.values, found.signals)

    def _with_trace(self, rows: pl.DataFrame, period: Period) -> pl.DataFrame:
        """The rows (signal_id and more) of events of a period with their trace_id."""
        of_trace = self._lake.read(f"SELECT signal_id, trace_id FROM signals WHERE {period.condition('occurred_at')}")
        return rows.join(of_trace, on="signal_id", how="left", maintain_order="left")

    def _correct_values(self, period: Period, values: pl.DataFrame, signals: pl.DataFrame) -> Changes:
        """What the events of a window delivered, compared and written where it differs."""
        with self._lake.reading() as tx:
            within = period.condition("occurred_at")
            stored = tx.read(f"SELECT {', '.join(EVENT_VALUES)} FROM event_values WHERE {within}").cast(EVENT_VALUES)
        stored = stored.join(signals, on="signal_id", how="semi")
        apart = [
            one.join(other, on=[*EVENT_VALUES], how="anti", nulls_equal=True).select("signal_id")
            for one, other in ((values, stored), (stored, values))
        ]
        wrong = pl.concat(apart).unique()
        if wrong.is_empty():
            return Changes()
        wrong = self._with_trace(wrong, period)

        def write(tx: Transaction) -> Changes:
            ids = self._untouched(tx, wrong).select("signal_id")
            tx.replace("event_values", ids, values.join(ids, on="signal_id", how="semi"))
            return Changes()

        return self._write(write)

    def _write_margins(self, tx: Transaction, wrong: pl.DataFrame) -> Changes:
        now = pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias("updated_at")
        rows = self._untouched(tx, wrong).with_columns(now)
        there, missing = (
            rows.filter(part).select(*EVENT_MARGINS, "updated_at") for part in ("there", ~pl.col("there"))
        )
        _, changed = tx.replace("event_margins", there.select("signal_id"), there)
        # a margin lies at the time of its event, which is filed under the same signal
        return Changes(margins=changed + tx.append("event_margins", missing, filed=["signal"]))

    def _write(self, work: Callable[[Transaction], Changes]) -> Changes:
        """Run `work`, which says how many rows it added; what they file in the key directory is ours."""

        def counted(tx: Transaction) -> tuple[Changes, int | None]:
            batch = _newest_batch(tx) + 1
            changes = work(tx)
            # without keys to file the next writer takes this number
            return changes, batch if tx.files_keys else None

        changes, batch = self._lake.run(counted, by_key=False)
        if batch is not None:
            self._own_batches.add(batch)
        return changes

    def _untouched(self, tx: Transaction, rows: pl.DataFrame) -> pl.DataFrame:
        """Those of the rows (trace_id, signal_id) whose trace and signal nobody has written to since the scan."""
        own = ", ".join(map(str, self._own_batches)) or "0"
        touched = f"SELECT key_hash FROM key_directory WHERE batch > {self._since} AND batch NOT IN ({own})"
        if tx.read(f"SELECT count(*) FROM ({touched})").item() == 0:
            return rows
        kept = tx.read(
            f"SELECT place FROM candidates WHERE md5_number_lower('signal:' || signal_id) NOT IN ({touched}) "
            f"AND coalesce(md5_number_lower('trace:' || trace_id) NOT IN ({touched}), true)",
            candidates=rows.select("trace_id", "signal_id").with_row_index("place"),
        )
        return rows[kept["place"].sort()]


def _newest_batch(tx: Transaction) -> int:
    return int(tx.read("SELECT coalesce(max(batch), 0) FROM key_directory").item())
