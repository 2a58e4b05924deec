"""The hosted checkout: choose, say who you are, pay. Works without JavaScript."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from billing.api.errors import not_found
from billing.checkout.buyer import ADDRESS, read_buyer
from billing.checkout.fulfil import is_line_of, running_order
from billing.checkout.money import money_text
from billing.checkout.offers import Offer, offers_of
from billing.checkout.providers import MANUAL
from billing.checkout.purchase import Outcome, look_for_payment, quote, submit
from billing.checkout.terms import known_customer, start, status_of
from billing.checkout.web import form_token, go, handler, message, page, with_form
from billing.context import Billing
from billing.orders.upgrade import plan_of
from billing.tables.checkouts import Checkout
from billing.tables.orders import Order

_PLACE: Final = "{CHECKOUT_ID}"


class CheckoutPages:
    """The pages below `/checkout/`. Links lead to `/checkout/TOKEN`; who buys goes on with a token of their own."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing

    @property
    def routes(self) -> list[BaseRoute]:
        """Where the pages are."""
        return [
            Route("/checkout/{token}", handler(self.choose), methods=["GET"]),
            Route("/checkout/{token}/details", handler(self.details), methods=["GET", "POST"]),
            Route("/checkout/{token}/pay", handler(self.pay), methods=["GET", "POST"]),
            Route("/checkout/{token}/return", handler(self.back), methods=["GET"]),
        ]

    def choose(self, request: Request, form: Mapping[str, str]) -> Response:
        """The plans side by side."""
        del form
        with self._billing.database.read() as session:
            row = self._find(session, request)
            if request.path_params["token"] == row.session_token and status_of(row, self._billing.clock()) != "expired":
                return go(f"{self._base(row.session_token or '')}/pay")
            closed = self._closed(row)
            if closed is not None:
                return closed
            offers, currencies = self._offers(session, row)
            if not offers:
                return message(410, "Nothing to buy", "What this link was for is no longer sold.")
            wanted = request.query_params.get("currency")
            currency = wanted if wanted in currencies else currencies[0]
            return page(
                "choose.html", title="Choose your plan", currencies=currencies, currency=currency,
                offers=[offer for offer in offers if currency in offer.prices], base=self._base(row.token),
                cards=row.custom_cards or [], cancel_url=row.cancel_url,
            )  # fmt: skip

    def details(self, request: Request, form: Mapping[str, str]) -> Response:
        """Who buys; with what was entered, the purchase begins."""
        given = form if request.method == "POST" else request.query_params
        with self._billing.database.read() as session:
            row = self._find(session, request)
            closed = self._closed(row)
            if closed is not None:
                return closed
            offers, _ = self._offers(session, row)
        offer = next((each for each in offers if each.key == given.get("offer")), None)
        currency = given.get("currency", "")
        if offer is None or currency not in offer.prices:
            return go(self._base(row.token))
        errors: dict[str, str] = {}
        if request.method == "POST":
            buyer, errors = read_buyer(row, form, offer.by_seat)
            if not errors:
                return self._begin(row.id, offer, currency, buyer)
        shown = page(
            "details.html", 400 if errors else 200, title=f"Your details for {offer.name}", offer=offer,
            currency=currency, errors=errors, form=form or {"seats": "1"}, phone=row.collect_phone,
            address=ADDRESS if row.collect_address else None, base=self._base(row.token),
            form_token=form_token(request),
        )  # fmt: skip
        return with_form(request, shown)

    def pay(self, request: Request, form: Mapping[str, str]) -> Response:
        """What is due, and the yes."""
        with self._billing.database.read() as session:
            row = self._find(session, request, own=True)
            offers = {each.key: each for each in offers_of(session, row, [row.currency or ""])}
        if row.completed_at is not None:
            return go(success_url(row))
        if row.submitted_at is not None:
            return self._next(row.id, submit(self._billing, row.id))
        now = self._billing.clock()
        if row.archived_at is not None or row.expires_at <= now:
            return _over(row)
        due = quote(self._billing, row.id)
        if due is None:
            return go(success_url(row))
        notice = "" if form.get("total") in (None, str(due.amount)) else "The price has changed. Please look again."
        if request.method == "POST" and not notice:
            return self._next(row.id, submit(self._billing, row.id))
        offer = offers.get(f"{row.product_id}:{row.plan_id or ''}")
        currency = row.currency or ""
        shown = page(
            "pay.html", title=notice or "Review your order", offer_name="" if offer is None else offer.name,
            items=[(text, money_text(amount, currency)) for text, amount in due.items],
            total=money_text(due.amount, currency), amount=due.amount, free=due.amount == 0,
            manual=self._billing.payments.name == MANUAL, base=self._base(row.session_token or ""),
            cancel_url=row.cancel_url, leads_to=self._leads_to(row), form_token=form_token(request),
        )  # fmt: skip
        return with_form(request, shown)

    def back(self, request: Request, form: Mapping[str, str]) -> Response:
        """Where the provider sends the buyer; its webhook may be there first, or later."""
        del form
        with self._billing.database.read() as session:
            row = self._find(session, request, own=True)
        return self._next(row.id, Outcome("done" if look_for_payment(self._billing, row.id) else "waiting"))

    def _begin(self, checkout_id: str, offer: Offer, currency: str, buyer: dict[str, object]) -> Response:
        now = self._billing.clock()

        def work(session: Session) -> str | None:
            link = session.get_one(Checkout, checkout_id, with_for_update=True)
            if status_of(link, now) != "active":
                return None
            row = start(session, link, now)
            row.product_id, row.plan_id, row.currency = offer.product_id, offer.plan_id, currency
            row.seats = int(str(buyer["seats"])) if "seats" in buyer else None
            row.buyer = {key: value for key, value in buyer.items() if key != "seats" and value}
            return row.session_token

        token = self._billing.database.write(work)
        return _used() if token is None else go(f"{self._base(token)}/pay")

    def _next(self, checkout_id: str, outcome: Outcome) -> Response:
        if outcome.state == "pay" and outcome.url is not None:
            return go(outcome.url)
        with self._billing.database.read() as session:
            row = session.get_one(Checkout, checkout_id)
        if outcome.state == "done":
            return go(success_url(row))
        if row.provider == MANUAL:
            text = f"Thank you. Your order starts as soon as the seller has confirmed your payment. Reference: {row.id}"
            return message(200, "Order received", text)
        again = f"{self._base(row.session_token or '')}/return"
        return message(200, "Payment under way", "Your payment is not confirmed yet.", ("Look again", again))

    def _offers(self, session: Session, row: Checkout) -> tuple[list[Offer], list[str]]:
        """The offers and the currencies they are bought in: that of an order of the product that runs, where there is
        one.
        """
        offers = offers_of(session, row, list(row.allowed_currencies))
        customer_id, now = known_customer(session, row), self._billing.clock()
        if customer_id is not None:
            running = {each.product_id: running_order(session, customer_id, each.product_id, now) for each in offers}
            orders = {product: order for product, order in running.items() if order is not None}
            offers = [
                _only_in(each, orders[each.product_id].currency) if each.product_id in orders else each
                for each in offers
                if each.by_seat or each.product_id not in orders or not self._has(session, orders, each)
            ]
        offers = [each for each in offers if each.prices]
        return offers, [each for each in row.allowed_currencies if any(each in offer.prices for offer in offers)]

    def _has(self, session: Session, orders: Mapping[str, Order], offer: Offer) -> bool:
        lines = orders[offer.product_id].lines
        now = self._billing.clock()
        return any(
            is_line_of(line, offer.product_id, now) and plan_of(session, line) == offer.plan_id for line in lines
        )

    def _closed(self, row: Checkout) -> Response | None:
        status = status_of(row, self._billing.clock())
        if status == "active":
            return None
        return _over(row) if status == "expired" or row.archived_at is not None else _used()

    def _find(self, session: Session, request: Request, *, own: bool = False) -> Checkout:
        token = request.path_params["token"]
        mine = Checkout.session_token == token
        row = session.scalar(select(Checkout).where(mine if own else or_(mine, Checkout.token == token)))
        if row is None:
            raise not_found("checkout", "")
        return row

    def _leads_to(self, row: Checkout) -> list[str]:
        at = self._billing.payments.pays_at
        return [row.success_url, *([] if at is None else [at])]

    def _base(self, token: str) -> str:
        return f"{urlsplit(self._billing.public_url).path.rstrip('/')}/checkout/{token}"


def success_url(row: Checkout) -> str:
    """Where a buyer goes in the end."""
    return row.success_url.replace(_PLACE, row.id)


def _only_in(offer: Offer, currency: str) -> Offer:
    return Offer(
        offer.key, offer.product_id, offer.plan_id, offer.name, offer.product_name, offer.features,
        {each: lines for each, lines in offer.prices.items() if each == currency}, offer.by_seat,
    )  # fmt: skip


def _over(row: Checkout) -> Response:
    link = None if row.cancel_url is None else ("Go back", row.cancel_url)
    return message(410, "This link is closed", "It has expired. Please ask for a new one.", link)


def _used() -> Response:
    return message(410, "This link was used", "Somebody has begun to buy by it. Please ask for a new one.")
