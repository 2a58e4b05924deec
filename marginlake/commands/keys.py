"""`marginlake keys`: make, list and revoke the API keys of a data directory; works beside a running service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, moment
from marginlake.config import load
from marginlake.failures import CommandError, UsageError
from marginlake.output import write_result

if TYPE_CHECKING:
    from billing.database import Database
    from billing.keys.store import Scope

app = App(name="keys", help="API keys: make, list and revoke them.")

Format = Annotated[Literal["table", "csv", "json"], Parameter(name="--format")]
Scopes = Annotated[
    list[str] | None, Parameter(name="--scope", help="ingest, read, write or admin; repeat it. Default: all but admin.")
]  # fmt: skip
Expires = Annotated[str | None, Parameter(name="--expires", help="When it ends, e.g. 2027-01-01 (UTC).")]
ACTOR = "command line"


@app.command
def create(
    name: Annotated[str, Parameter(help="Whose key it is; shown in lists and in the audit log.")],
    /,
    *,
    scope: Scopes = None,
    expires: Expires = None,
    config: ConfigFile = None,
    data: DataDir = DEFAULT_DATA,
) -> int:
    """Make a key and print it: this is the only time it is shown."""
    from billing.audit import acting_as
    from billing.keys.store import EVERYDAY, create_key

    scopes = _scopes(scope) or EVERYDAY
    until = moment(expires)
    now = datetime.now(UTC)
    if until is not None and until <= now:
        raise UsageError("--expires must be in the future")
    with _database(data, config) as database, acting_as(ACTOR):
        token = database.write(lambda session: create_key(session, name, scopes, now, until)[1])
    sys.stdout.write(f"{token}\n")
    sys.stderr.write(f"a key for {name} ({', '.join(scopes)}); it is not shown again\n")
    return 0


@app.command(name="list")
def list_(*, format: Format = "table", config: ConfigFile = None, data: DataDir = DEFAULT_DATA) -> int:  # noqa: A002
    """Show the keys there are, the newest first."""
    import polars as pl

    from billing.keys.store import list_keys

    with _database(data, config) as database, database.read() as session:
        rows = [
            (key.id, key.name, f"…{key.hint}", ", ".join(key.scopes), key.created_at, key.expires_at, key.revoked_at)
            for key in list_keys(session)
        ]
    utc = pl.Datetime("us", "UTC")
    schema: dict[str, Any] = {
        "id": pl.String, "name": pl.String, "ends_in": pl.String, "scopes": pl.String,
        "created_at": utc, "expires_at": utc, "revoked_at": utc,
    }  # fmt: skip
    write_result(pl.DataFrame(rows, schema=schema, orient="row"), format, None)
    return 0


@app.command
def revoke(
    key: Annotated[str, Parameter(help="The key's id (`keys list`), not the key itself.")],
    /,
    *,
    config: ConfigFile = None,
    data: DataDir = DEFAULT_DATA,
) -> int:
    """End a key for good; a running service follows within two seconds."""
    from billing.audit import acting_as
    from billing.keys.store import revoke_key

    with _database(data, config) as database, acting_as(ACTOR):
        row = database.write(lambda session: revoke_key(session, key, datetime.now(UTC)))
    if row is None:
        raise CommandError(f"no key {key!r} (try: marginlake keys list)")
    sys.stdout.write(f"revoked {row.id} ({row.name})\n")
    return 0


def _scopes(given: list[str] | None) -> "list[Scope]":
    from billing.keys.store import SCOPES

    for scope in given or ():
        if scope not in SCOPES:
            raise UsageError(f"--scope: {scope!r} is none of {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in (given or ())]


@contextmanager
def _database(data: DataDir, config: ConfigFile) -> "Iterator[Database]":
    from marginlake.business import open_database

    data.mkdir(parents=True, exist_ok=True)
    database = open_database(data, load(config, data))
    try:
        yield database
    finally:
        database.close()
