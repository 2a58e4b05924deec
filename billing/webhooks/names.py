"""The events that can be told, and the key of `data` that each one's object is under."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Event:
    """What happened. key: of the object in the message's `data`."""

    description: str
    key: str


EVENTS: Final[dict[str, Event]] = {
    "billing-invoice-created": Event("An invoice was made.", "invoice"),
    "billing-invoice-posted": Event("An invoice became final.", "invoice"),
    "billing-invoice-paid": Event("An invoice was paid in full.", "invoice"),
    "billing-checkout-created": Event("A checkout was made.", "checkout"),
    "billing-checkout-completed": Event("A checkout was completed; its order is there.", "checkout"),
    "billing-checkout-expired": Event("A checkout expired before anybody completed it.", "checkout"),
    "billing-payment-succeeded": Event("A payment came in.", "payment"),
    "billing-payment-failed": Event("A payment was tried and failed.", "payment"),
    "billing-credits-depleted": Event("A customer's credits of one currency are used up.", "credits"),
    "billing-overage-incurred": Event("A customer used more credits than there were.", "overage"),
    "billing-credit-cap-reached": Event("A unit of a customer has spent what it may spend in this period.", "credits"),
}
