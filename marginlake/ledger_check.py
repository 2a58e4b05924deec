"""The part of `marginlake doctor` that looks at the books of credits; only reads, also beside a running service."""

from pathlib import Path

from sqlalchemy.exc import DBAPIError

from billing.database import FILE, BillingError, Database, url_in
from billing.ledger.check import check_ledger
from marginlake.config import ConfigError, load


def ledger_problems(data_dir: Path, config: Path | None = None) -> list[str] | None:
    """What is wrong with the ledger of a data directory, a line each; None where there is no business database.

    config: the file with the settings (None: the one that is found by itself).
    """
    try:
        url = load(config, data_dir).billing.url
        if url is None and not (data_dir / FILE).exists():
            return None
        database = Database(url.get_secret_value() if url else url_in(data_dir))
        try:
            with database.read() as session:
                return check_ledger(session)
        finally:
            database.close()
    except (ConfigError, BillingError) as error:
        return [str(error)]
    except DBAPIError as error:
        return [f"billing database: {str(error.orig).splitlines()[0]}"]
