"""The steps of a backfill: the jobs of the other commands over one period, behind one shape."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from analytics.period import Period
from analytics.period_mates import settle_periods
from analytics.relink import relink
from analytics.reprice import reprice
from analytics.reprice_difference import difference
from analytics.revalue import revalue
from analytics.rollup import rollup, unrolled
from analytics.signal_costs_again import count_stated_costs
from lake.connect import Lake
from marginlake import __version__
from marginlake.config import Config
from marginlake.failures import told
from marginlake.importer import import_files, preview
from marginlake.new_prices import new_prices
from marginlake.price_book import record_catalog
from marginlake.rules import Rules
from marginlake.upkeep import settle_shared_hours
from receiver.journal.archive import list_archives

READING = f"backfill {__version__}"
"""Ends the names of the sources of a backfill's import: another version reads the archive again."""


@dataclass(frozen=True)
class Work:
    """What every step is given besides the lake. `tell(done, total)` takes its progress. archive: folder of segments.

    In a dry run a step writes nothing. `warn` takes a line about something that went wrong without stopping the step.
    """

    data_dir: Path
    archive: Path
    settings: Config
    rules: Rules
    period: Period
    dry_run: bool = False
    tell: Callable[[int, int | None], None] = lambda done, total: None
    stop: Callable[[], bool] = lambda: False
    warn: Callable[[str], None] = lambda line: None


class _StoppedError(Exception):
    """Somebody wants the step to stop."""


def import_archive(lake: Lake, work: Work) -> str:
    """What the archived segments hold of the period: what the lake lacks, and what the present rules read otherwise."""
    paths = list_archives(work.archive)
    read = partial(preview, lake) if work.dry_run else partial(import_files, lake, stop=work.stop)
    found = read(paths, work.rules, work.settings, period=work.period, reading=READING, tell=work.tell)
    if not work.dry_run and not work.stop():
        settle_shared_hours(lake, work.rules)
        settle_periods(lake, work.rules.events)
    for failure in found.failures:
        work.warn(told(failure.error))
    return (
        f"{len(paths)} segments: {found.spans} new spans, {found.signals} new signals, {found.known} known, "
        f"{found.rejected} rejected, {found.reread} read anew"
    )


def count_stated(lake: Lake, work: Work) -> str:
    """Costs that the period's events state themselves and that the lake does not count."""
    rules = work.rules
    if not work.dry_run:
        lake.run(lambda tx: record_catalog(tx, rules.catalog, rules.price_again.book))
    made = count_stated_costs(
        lake, rules.events, rules.price_again, work.period, dry_run=work.dry_run, progress=work.tell, stop=work.stop
    )
    if not work.dry_run and not work.stop():
        settle_periods(lake, rules.events)
    return f"{made.costs} costs, {made.margins} event_margins {'would change' if work.dry_run else 'changed'}"


def reprice_period(lake: Lake, work: Work) -> str:
    """The calls of the period priced under the catalog of the settings."""
    rules = work.rules
    new = new_prices(work.settings, rules)
    if work.dry_run:
        found = difference(lake, new, work.period, progress=work.tell)
        return f"{found.count('calls')} calls, {found.count('changed')} would change in cost"
    done = reprice(
        lake,
        rules.events,
        rules.price_again,
        new,
        work.period,
        progress=work.tell,
        stop=work.stop,
        after=lambda lake, period: settle_shared_hours(lake, rules),
    )
    if done.reached is None:
        settle_periods(lake, rules.events)
    entry = done.entry
    return (
        f"{entry.calls} calls, {done.changes.costs} changed; "
        f"cost {entry.cost_before_usd:f}, now {entry.cost_after_usd:f} USD"
    )


def relink_period(lake: Lake, work: Work) -> str:
    """Links and margins of the period's traces and signals."""
    rules = work.rules
    if not work.dry_run:
        lake.run(lambda tx: record_catalog(tx, rules.catalog, rules.price_again.book))
    changes = relink(lake, rules.events, rules.price_again, work.period, dry_run=work.dry_run, progress=work.tell)
    return (
        f"{changes.costs} costs, {changes.links} cost_links, {changes.margins} event_margins, "
        f"{changes.spans} spans, {changes.signals} signals {'would change' if work.dry_run else 'changed'}"
    )


def revalue_period(lake: Lake, work: Work) -> str:
    """What the period's events delivered."""
    done = revalue(lake, work.rules.events, work.period, dry_run=work.dry_run, progress=work.tell, stop=work.stop)
    verb = "would change" if work.dry_run else "changed"
    return f"{done.values} event_values, {done.margins} event_margins {verb}"


def roll_up_period(lake: Lake, work: Work) -> str:
    """The totals of the period's days that are over."""
    now = datetime.now(UTC)
    period = replace(work.period, end=min(work.period.end or now, now))
    if period.start is not None and period.end is not None and period.start >= period.end:
        return "0 days"
    if work.dry_run:
        return f"{unrolled(lake, period).height} days would be rolled up"
    done = rollup(lake, period, progress=work.tell, stop=work.stop)
    return f"{done.days} days, {done.events} events, {done.calls} calls"
