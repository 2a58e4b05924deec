"""`marginlake reprice`: what calls cost, worked out again under a price catalog, with links and margins."""

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from marginlake.commands.interrupts import InterruptFlag
from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, From, To, period_of
from marginlake.commands.progress import progress_bar
from marginlake.commands.writing import lake_to_change
from marginlake.config import load
from marginlake.logs import configure_logs
from marginlake.output import write_result

if TYPE_CHECKING:
    from analytics.reprice import Repriced
    from analytics.reprice_difference import Difference

CatalogId = Annotated[
    str | None, Parameter(name="--catalog", help="Beginning of a catalog's id; default: as set, else the newest.")
]
_SHOWN = (
    "provider", "model", "customer_id", "calls", "changed", "newly_priced", "before_usd", "after_usd", "change_usd",
)  # fmt: skip


def reprice(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    from_: From = None,
    to: To = None,
    catalog: CatalogId = None,
    dry_run: DryRun = False,
) -> int:
    """Price the period's calls again: shows what changes, then changes it. Interrupted, it goes on when run again."""
    from analytics.period_mates import settle_periods
    from analytics.reprice import reprice as price_anew
    from analytics.reprice_difference import difference
    from marginlake.adoption import adopt, catch_up, rules_in
    from marginlake.new_prices import new_prices, under
    from marginlake.upkeep import settle_shared_hours

    configure_logs()
    settings = under(load(config, data), catalog)
    period = period_of(from_, to)
    with lake_to_change(data, settings) as lake:
        rules = rules_in(lake, settings, data)
        new = new_prices(settings, rules)
        with progress_bar("compare", "calls") as tell:
            found = difference(lake, new, period, progress=tell)
        _show(found, f"{new.catalog_id[:12]} ({rules.catalog.source} {rules.catalog.source_version})")
        if dry_run:
            sys.stdout.write("dry run: nothing was changed\n")
            return 0
        adopt(lake, settings, rules)
        with InterruptFlag() as interrupted, progress_bar("reprice", "calls") as tell:
            done = price_anew(
                lake,
                rules.events,
                rules.price_again,
                new,
                period,
                progress=tell,
                stop=interrupted.is_set,
                after=lambda lake, period: settle_shared_hours(lake, rules),
            )
        settle_periods(lake, rules.events)
        catch_up(lake, rules)
    return _told(done)


def _show(found: "Difference", catalog: str) -> None:
    """The difference by provider, model and customer, and in all."""
    table = found.by("provider", "model", "customer_id")
    table = table.filter((table["changed"] > 0) | (table["change_usd"] != 0))
    if table.height:
        write_result(table.select(_SHOWN), "table", None)
    before, after = found.total("before_usd"), found.total("after_usd")
    sys.stdout.write(
        f"catalog {catalog}: {found.count('calls')} calls, {found.count('changed')} change in cost; "
        f"unpriced to priced: {found.count('newly_priced')}, priced to unpriced: {found.count('newly_unpriced')}\n"
        f"before {before:f}, after {after:f}, change {after - before:+f} USD\n"
    )
    sys.stdout.flush()


def _told(done: "Repriced") -> int:
    """Say what was written; the exit code."""
    changes, entry = done.changes, done.entry
    sys.stdout.write(
        f"changed: {changes.costs} costs, {changes.links} cost_links, {changes.margins} event_margins; "
        f"cost {entry.cost_before_usd:f}, now {entry.cost_after_usd:f} USD\n"
    )
    if entry.changed:
        sys.stdout.write(
            f"snapshot {entry.snapshot_before} shows what was (FROM costs AT (VERSION => {entry.snapshot_before})), "
            f"snapshot {done.snapshot_after} what is\n"
        )
    if done.reached is None:
        return 0
    sys.stdout.flush()
    sys.stderr.write(
        f"marginlake: stopped; calls before {done.reached.isoformat()} are done, the same command goes on from there\n"
    )
    return 130
