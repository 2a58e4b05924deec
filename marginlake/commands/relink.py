"""`marginlake relink`: who bears which cost, and every margin, worked out again from the lake."""

import sys

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun, From, To, period_of
from marginlake.commands.progress import progress_bar
from marginlake.commands.writing import lake_to_change
from marginlake.config import load
from marginlake.logs import configure_logs


def relink(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    from_: From = None,
    to: To = None,
    dry_run: DryRun = False,
) -> int:
    """Recompute links and margins from spans and signals; writes only what differs, so twice is once."""
    from analytics.relink import relink as recompute_links
    from marginlake.adoption import adopt, catch_up, rules_in
    from marginlake.price_book import record_catalog

    configure_logs()
    settings = load(config, data)
    period = period_of(from_, to)
    with lake_to_change(data, settings) as lake:
        rules = rules_in(lake, settings, data)
        if not dry_run:
            adopt(lake, settings, rules)
            lake.run(lambda tx: record_catalog(tx, rules.catalog, rules.price_again.book))
        with progress_bar("relink", "traces") as tell:
            changes = recompute_links(lake, rules.events, rules.price_again, period, dry_run=dry_run, progress=tell)
        if not dry_run:
            catch_up(lake, rules)
    verb = "would change" if dry_run else "changed"
    sys.stdout.write(
        f"{verb}: {changes.costs} costs, {changes.links} cost_links, {changes.margins} event_margins, "
        f"{changes.spans} spans, {changes.signals} signals\n"
    )
    return 0
