"""`marginlake maintain`: the lake's upkeep now, which a running service does by itself."""

import sys

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.commands.writing import lake_to_change
from marginlake.config import load
from marginlake.logs import configure_logs


def maintain(*, data: DataDir = DEFAULT_DATA, config: ConfigFile = None) -> int:
    """Merge small files, expire old snapshots, delete files nobody can be reading; also beside a running service."""
    from lake.maintain import maintain as run_maintenance
    from marginlake.upkeep import policy_of

    configure_logs()
    settings = load(config, data)
    with lake_to_change(data, settings) as lake:
        report = run_maintenance(lake, policy_of(settings))
    sys.stdout.write(
        f"{report.files_merged} files merged, {report.files_rewritten} rewritten, {report.snapshots_expired} snapshots "
        f"expired, {report.files_deleted + report.orphans_deleted} files deleted in {report.seconds:.1f} s\n"
    )
    return 0
