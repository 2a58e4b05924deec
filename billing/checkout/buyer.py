"""Who buys: the details that a checkout asks for, and the customer that they become."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from billing.checkout.terms import known_customer
from billing.customers.create import ensure_customer, new_customer
from billing.tables.checkouts import Checkout
from billing.tables.customers import Customer

_LONGEST: Final = 200
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+?[0-9()/ .-]{5,40}")
MOST_SEATS: Final = 100_000

ADDRESS: Final = {
    "line1": "Street and number", "line2": "Address line 2 (optional)", "city": "City",
    "state": "State or region (optional)", "zip_code": "Postal code (optional)", "country": "Country",
}  # fmt: skip
"""Fields of an address with their labels; those that say so may stay empty."""

_API_NAMES: Final = {"zip_code": "zipCode"}


def read_buyer(row: Checkout, form: Mapping[str, str], by_seat: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """What was entered (columns `buyer`, and `seats` in it), and what is wrong with it, by field."""
    given = {key: value.strip() for key, value in form.items()}
    errors: dict[str, str] = {}

    def text(name: str, needed: str | None) -> str | None:
        value = given.get(name, "")
        if any(ord(sign) < 32 or "\ud800" <= sign <= "\udfff" for sign in value):
            errors[name] = "Please enter plain text."
        elif len(value) > _LONGEST:
            errors[name] = f"Please use at most {_LONGEST} characters."
        elif not value and needed:
            errors[name] = needed
        return value or None

    buyer: dict[str, Any] = {
        "name": text("name", "Please enter your name or that of your company."),
        "email": text("email", "Please enter your email address."),
    }
    if buyer["email"] and not _EMAIL.fullmatch(buyer["email"]):
        errors.setdefault("email", "Please enter an email address like name@example.com.")
    if row.collect_phone:
        buyer["phone"] = text("phone", "Please enter your phone number.")
        if buyer["phone"] and not _PHONE.fullmatch(buyer["phone"]):
            errors.setdefault("phone", "Please enter a phone number like +44 20 7946 0000.")
    if row.collect_address:
        entered = {
            name: text(name, None if "optional" in label else f"{label}: please fill this in.")
            for name, label in ADDRESS.items()
        }
        buyer["address"] = {_API_NAMES.get(name, name): value for name, value in entered.items() if value}
    if by_seat:
        seats = given.get("seats", "")
        if seats.isascii() and seats.isdigit() and len(seats) < 10 and 1 <= int(seats) <= MOST_SEATS:
            buyer["seats"] = int(seats)
        else:
            errors["seats"] = f"Please enter a number from 1 to {MOST_SEATS:,}."
    return buyer, errors


def customer_of(session: Session, row: Checkout, now: datetime) -> Customer:
    """The customer that a checkout is for, made where there is none, with what the buyer entered.

    The address is the one for the invoices, as it was asked for; name, email and phone of a known customer stay.
    """
    buyer = row.buyer or {}
    known = known_customer(session, row)
    if known is not None:
        customer = session.get_one(Customer, known)
    elif row.external_customer_id is not None:
        customer = ensure_customer(session, row.external_customer_id, now)
    else:
        customer = new_customer(session, buyer["name"], now)
    if customer.auto_created and buyer.get("name"):
        customer.name, customer.auto_created = buyer["name"], False
    customer.email = customer.email or buyer.get("email")
    customer.phone = customer.phone or buyer.get("phone")
    if buyer.get("address"):
        customer.billing_address = buyer["address"]
    customer.updated_at = now
    session.flush()
    return customer
