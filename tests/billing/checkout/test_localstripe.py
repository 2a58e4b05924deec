"""What a Stripe that others wrote says to us: `localstripe`, where it is installed (`LOCALSTRIPE` names the program).

It has no Checkout Sessions, no ConfirmationTokens and no idempotency keys; those are in `fake_stripe`.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from billing.checkout.providers import ProviderError, Purchase
from billing.checkout.stripe_provider import StripePayments, _method, _plain

PROGRAM = os.environ.get("LOCALSTRIPE") or shutil.which("localstripe")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="localstripe is not installed")


@pytest.fixture(scope="module")
def payments() -> Iterator[StripePayments]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([str(PROGRAM), "--port", str(port), "--from-scratch"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield StripePayments("sk_test_12345", "whsec_x", api_base=f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def test_customers_and_their_cards_are_kept_and_forgotten(payments: StripePayments):
    customer = payments._new_customer("cus_ours", "Ada GmbH", "ada@example.com")
    api = payments._stripe.v1.payment_methods
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    made = api.create({"type": "card", "card": card})  # type: ignore[typeddict-item]
    api.attach(made.id, {"customer": customer})

    kept = _method(_plain(made))

    assert kept["card"] == {"brand": "visa", "last4": "4242", "expMonth": 12, "expYear": 2030}
    for _ in range(2):
        payments.forget(made.id)


def test_what_stripe_refuses_is_one_line(payments: StripePayments):
    with pytest.raises(ProviderError) as refused:
        payments.start(Purchase("chk_1", "a", 4900, "USD", [("Fee", 4900)], None, "http://x/r", "http://x/p"))
    assert "\n" not in str(refused.value)
