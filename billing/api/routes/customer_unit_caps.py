"""`/customers/…/customer-units/…/cap`: the most that a unit and those below it may spend in a month."""

from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.orm import Session

from billing.api.customer_paths import TWINS, Find, Who
from billing.api.errors import conflict, not_found
from billing.api.requests import Shared, router
from billing.api.schemas.customer_units import Cap, CapEnded, CapPolicy, CapSet, CurrentPeriod, Window
from billing.catalog.terms import check_currencies, only_currency
from billing.clock import Clock
from billing.customers import cap_policies as caps
from billing.customers import units
from billing.customers.find import hold
from billing.customers.seat_billing import refuse_seat_billing
from billing.tables.customers import Customer, CustomerUnit, CustomerUnitCap
from billing.units import from_micro, to_micro

routes = router("customer unit caps")

Currency = Annotated[str | None, Query(alias="creditsCurrencyId")]


def _below(path: str, who: Who) -> None:
    cap_path = f"{path}/customer-units/{{unit_id:path}}/cap"

    @routes.get(cap_path, response_model_exclude_none=True)
    def get_customer_unit_cap(
        billing: Shared, find: Annotated[Find, Depends(who)], unit_id: str, currency_id: Currency = None
    ) -> Cap:
        """The cap that is in force with what is spent of it, else the next one to begin."""
        with billing.database.read() as session:
            customer, unit, currency = _subject(session, find, unit_id, currency_id)
            versions = caps.versions(session, unit, currency)
            now = billing.clock()
            cap = caps.in_force(versions, now) or next((each for each in versions if caps.is_open(each, now)), None)
            if cap is None:
                raise not_found("cap of the unit", unit_id)
            return _shown(session, billing.clock, customer, unit, cap)

    @routes.put(cap_path, response_model_exclude_none=True)
    def set_customer_unit_cap(billing: Shared, find: Annotated[Find, Depends(who)], unit_id: str, body: CapSet) -> Cap:
        """A new version of the cap; the ones before stay as they are."""
        now = billing.clock()

        def work(session: Session) -> Cap:
            customer, unit, currency = _subject(session, find, unit_id, body.credits_currency_id)
            hold(session, customer)
            refuse_seat_billing(session, customer, now)
            if unit.status == units.DELETED:
                raise conflict(f"{unit.external_id!r} is deleted", "CUSTOMER_UNIT_DELETED")
            cap = caps.put(session, unit, currency, to_micro(body.amount), body.effective_from or now, now)
            return _shown(session, billing.clock, customer, unit, cap)

        return billing.database.write(work)

    @routes.delete(cap_path, response_model_exclude_none=True)
    def end_customer_unit_cap(
        billing: Shared, find: Annotated[Find, Depends(who)], unit_id: str, currency_id: Currency = None
    ) -> CapEnded:
        """End the cap now, and versions that are still to begin."""
        now = billing.clock()

        def work(session: Session) -> CapEnded:
            customer, unit, currency = _subject(session, find, unit_id, currency_id)
            versions = caps.versions(session, unit, currency)
            current = caps.in_force(versions, now)
            ended = caps.end(session, versions, now)
            if not ended:
                raise not_found("cap of the unit", unit_id)
            return CapEnded(
                external_customer_unit_id=unit.external_id,
                customer_id=customer.id,
                credits_currency_id=currency,
                policy=None if current is None else _policy(current),
                ended_versions=ended,
            )

        return billing.database.write(work)


def _subject(session: Session, find: Find, unit_id: str, currency_id: str | None) -> tuple[Customer, CustomerUnit, str]:
    customer = find(session)
    unit = units.unit_of(session, customer, unit_id)
    if currency_id is None:
        return customer, unit, only_currency(session, "cap")
    check_currencies(session, [currency_id], "cap")
    return customer, unit, currency_id


def _shown(session: Session, clock: Clock, customer: Customer, unit: CustomerUnit, cap: CustomerUnitCap) -> Cap:
    now = clock()
    current = None
    if caps.in_force([cap], now):
        window = caps.period_at(cap.effective_from, now)
        used = caps.used_in(session, units.Tree(session, customer.id), unit, cap.currency_id, window)
        current = CurrentPeriod(
            window=Window(start=window.start, end=window.end),
            used=from_micro(used),
            remaining=from_micro(max(0, cap.amount_micro - used)),
        )
    return Cap(
        external_customer_unit_id=unit.external_id,
        customer_id=customer.id,
        credits_currency_id=cap.currency_id,
        policy=_policy(cap),
        current_period=current,
    )


def _policy(cap: CustomerUnitCap) -> CapPolicy:
    return CapPolicy(
        amount=from_micro(cap.amount_micro), frequency="MONTHLY", effective_from=cap.effective_from,
        effective_until=cap.effective_until, created_at=cap.created_at, source=cap.source,
    )  # fmt: skip


for _path, _who in TWINS:
    _below(_path, _who)
