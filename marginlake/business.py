"""The business of a data directory: its database brought up to date, and what the settings say of it."""

from pathlib import Path

from billing.context import Billing
from billing.database import FILE, Database, url_in
from billing.keys.gate import Gate, is_loopback
from billing.keys.store import list_keys
from billing.metering.follow import catch_up
from billing.metering.live import LiveMeter
from billing.migrate import migrate
from lake.connect import Lake
from marginlake.config import Config, ConfigError
from marginlake.metering import PATIENCE_SECONDS
from marginlake.storefront import payments_of, webhook_settings


def open_database(data_dir: Path, config: Config) -> Database:
    """The business database, brought up to date. Raises BillingError with one line."""
    url = config.billing.url
    database = Database(url.get_secret_value() if url else url_in(data_dir))
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def open_billing(data_dir: Path, config: Config, lake: Lake) -> tuple[Billing, LiveMeter]:
    """The business beside an open lake, and what debits the signals that come in. Raises BillingError with one line."""
    public_url = config.billing.public_url or f"http://{config.receiver.http}"
    database = open_database(data_dir, config)
    live = LiveMeter(database)
    return Billing(
        database,
        lake,
        public_url=public_url.rstrip("/"),
        allow_negative=config.billing.allow_negative,
        lake_dir=lake.data_dir,
        settled=lambda: live.settle(PATIENCE_SECONDS),
        webhooks=webhook_settings(config.billing),
        payments=payments_of(config.billing),
    ), live


def meter_imported(lake: Lake, data_dir: Path, config: Config) -> int:
    """Debit what imported signals burn; gives how many debits that are. Without a business there is nothing to debit:
    one that begins later looks at the whole lake. Raises BillingError with one line.
    """
    if config.billing.url is None and not (data_dir / FILE).exists():
        return 0
    database = open_database(data_dir, config)
    try:
        return catch_up(Billing(database, lake))
    finally:
        database.close()


def has_keys(billing: Billing) -> bool:
    """Whether any key would open the door now."""
    now = billing.clock()
    with billing.database.read() as session:
        return any(
            key.revoked_at is None and (key.expires_at is None or now < key.expires_at) for key in list_keys(session)
        )


def gate_of(billing: Billing, config: Config) -> Gate:
    """Who is let in. Raises ConfigError where callers without a key would be, on an address that others can reach."""
    anonymous = config.auth.anonymous == "loopback"
    for key in ("grpc", "http"):
        address = getattr(config.receiver, key)
        if anonymous and not is_loopback(address.rpartition(":")[0].strip("[]")):
            raise ConfigError(
                f"auth.anonymous: callers without a key are let in on loopback only, and receiver.{key} is {address}"
            )
    return Gate(billing.database, anonymous=anonymous, clock=billing.clock)
