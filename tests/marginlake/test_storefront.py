"""What the settings say of payments and webhooks, and what only administrators may do with them."""

import pytest
from pydantic import SecretStr

from billing.api.guard import needed_scope
from billing.checkout.providers import Manual
from marginlake.config import BillingConfig, ConfigError
from marginlake.storefront import payments_of, webhook_settings


def test_without_settings_people_confirm_payments_and_webhooks_stay_outside():
    settings = BillingConfig()

    assert isinstance(payments_of(settings), Manual)
    assert not webhook_settings(settings).allow_private
    assert not webhook_settings(settings).allow_http


def test_stripe_needs_both_of_its_keys_and_shows_neither():
    key, signing = SecretStr("sk_test_very_secret"), SecretStr("whsec_very_secret")

    provider = payments_of(BillingConfig(stripe_key=key, stripe_signing_secret=signing))

    assert provider.name == "stripe"
    assert "very_secret" not in repr(provider)
    with pytest.raises(ConfigError, match="belong together"):
        payments_of(BillingConfig(stripe_key=key))


def test_only_administrators_confirm_payments():
    assert needed_scope("POST", "/checkouts/chk_1/confirm") == "admin"
    assert needed_scope("POST", "/checkouts") == "write"
    assert needed_scope("GET", "/checkouts/chk_1") == "read"
