"""What the business does beside its API while the service runs: pages for buyers, webhooks, checkouts that expire."""

import threading
from typing import Final

from starlette.routing import BaseRoute

from billing.checkout.providers import Manual, PaymentProvider
from billing.checkout.site import site_routes
from billing.checkout.sweep import tell_expired
from billing.context import Billing
from billing.trouble import attempt
from billing.webhooks.addresses import WebhookSettings
from billing.webhooks.deliver import Deliverer
from marginlake.config import BillingConfig, ConfigError

_SWEEP_SECONDS: Final = 60.0


class Storefront:
    """`start` and `stop` once each, around the time in which requests are served."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing
        self._deliverer = Deliverer(billing)
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="checkouts", daemon=True)

    @property
    def routes(self) -> list[BaseRoute]:
        """The pages and what payment providers call, to be served beside the API."""
        return site_routes(self._billing)

    def start(self) -> None:
        """Begin to deliver and to look for what expired."""
        self._deliverer.start()
        self._sweeper.start()

    def stop(self) -> None:
        """No more of it; deliveries under way end first."""
        self._stopping.set()
        self._deliverer.stop()
        if self._sweeper.is_alive():
            self._sweeper.join()

    def _sweep(self) -> None:
        while not self._stopping.wait(_SWEEP_SECONDS):
            attempt(lambda: tell_expired(self._billing), "expired checkouts not told; tried again")


def webhook_settings(config: BillingConfig) -> WebhookSettings:
    """Where webhooks may go."""
    return WebhookSettings(config.webhooks_to_private, config.webhooks_to_private, config.webhook_seconds)


def payments_of(config: BillingConfig) -> PaymentProvider:
    """Who takes the money. Raises ConfigError where Stripe is set up by half, or its library is not there."""
    if config.stripe_key is None and config.stripe_signing_secret is None:
        return Manual()
    if config.stripe_key is None or config.stripe_signing_secret is None:
        raise ConfigError("billing: stripe_key and stripe_signing_secret belong together")
    try:
        from billing.checkout.stripe_provider import StripePayments
    except ModuleNotFoundError:
        raise ConfigError("billing.stripe_key: needs the extra: pip install 'marginlake[stripe]'") from None
    return StripePayments(config.stripe_key.get_secret_value(), config.stripe_signing_secret.get_secret_value())
