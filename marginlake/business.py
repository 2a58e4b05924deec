"""The business of a data directory: its database brought up to date, and what the settings say of it."""

from pathlib import Path

from billing.context import Billing
from billing.database import Database, url_in
from billing.migrate import migrate
from lake.connect import Lake
from marginlake.config import Config
from marginlake.storefront import payments_of, webhook_settings


def open_billing(data_dir: Path, config: Config, lake: Lake) -> Billing:
    """Open and migrate the business database. Raises BillingError with one line."""
    settings = config.billing
    database = Database(settings.url.get_secret_value() if settings.url else url_in(data_dir))
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Billing(
        database, lake, public_url=(settings.public_url or f"http://{config.receiver.http}").rstrip("/"),
        webhooks=webhook_settings(settings), payments=payments_of(settings), allow_negative=settings.allow_negative,
    )  # fmt: skip
