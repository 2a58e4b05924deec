"""`marginlake xero`: posted invoices, voided ones and payments go to Xero; works beside a running service."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir, DryRun
from marginlake.config import ConfigError, XeroConfig, load
from marginlake.failures import CommandError
from marginlake.logs import configure_logs

if TYPE_CHECKING:
    from billing.xero.sent import XeroClient, XeroSettings

_SHOWN = 20


def xero(*, data: DataDir = DEFAULT_DATA, config: ConfigFile = None, dry_run: DryRun = False) -> int:
    """Bring Xero up to date with the invoices here. Run it by cron: what is sent is sent once, whatever stops it.

    Exit code 1 when Xero refused something; the next run tries that again.
    """
    from billing.audit import acting_as
    from billing.context import Billing
    from billing.xero.export import due, export_invoices
    from billing.xero.sent import XeroError
    from marginlake.business import open_database

    configure_logs()
    settings = load(config, data)
    if not data.is_dir():
        raise CommandError(f"{data}: no data directory")
    terms = _terms(settings.billing.xero)
    database = open_database(data, settings)
    try:
        billing = Billing(database)
        if dry_run:
            todo = due(billing, terms)
            _list("would send", todo.invoices)
            _list("would void", todo.voided)
            sys.stdout.write(f"would record: {todo.payments} payments\n")
            return 0
        with acting_as("command line"):
            done = export_invoices(billing, _client(settings.billing.xero), terms)
    except XeroError as error:
        raise CommandError(f"xero: {error}") from None
    finally:
        database.close()
    sys.stdout.write(f"sent: {done.invoices} invoices, {done.voided} voided, {done.payments} payments\n")
    sys.stdout.flush()
    for invoice_id, reason in done.failed:
        sys.stderr.write(f"marginlake: xero refused {invoice_id}: {reason}\n")
    return 1 if done.failed else 0


def _terms(config: XeroConfig) -> "XeroSettings":
    from billing.xero.sent import XeroSettings

    return XeroSettings(
        default_account=config.default_account,
        accounts=config.accounts,
        zero_tax_type=config.zero_tax_type,
        tax_types=config.tax_types,
        payment_account=config.payment_account,
    )


def _client(config: XeroConfig) -> "XeroClient":
    if config.client_id is None or config.client_secret is None:
        raise ConfigError("billing.xero: client_id and client_secret are needed: those of a custom connection of Xero")
    try:
        from billing.xero.connect import connect
    except ModuleNotFoundError:
        raise ConfigError("billing.xero: needs the extra: pip install 'marginlake[xero]'") from None
    return connect(config.client_id, config.client_secret.get_secret_value())


def _list(what: str, numbers: Sequence[str]) -> None:
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    shown = f": {', '.join(numbers[:_SHOWN])}{more}" if numbers else ""
    sys.stdout.write(f"{what}: {len(numbers)} invoices{shown}\n")
