"""Amend an active order: quantities, prices, ends and additions, from now on, with money by the day.

A preview does the same in a transaction that is undone, so that it cannot say anything else.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid
from billing.api.schemas import amendments as bodies
from billing.columns import dump_json
from billing.ids import new_id
from billing.invoices.amounts import rounded
from billing.invoices.charges import Charge, once_charges
from billing.invoices.issue import add_item, charged_keys
from billing.invoices.lines import Drafted
from billing.orders.accrual import Accrued, accruals, moved
from billing.orders.advance import advance_order
from billing.orders.amend_steps import Step, take
from billing.orders.credits import brought_by, grant_more
from billing.orders.periods import Span
from billing.orders.status import status_of
from billing.orders.threads import attributes_of, segments
from billing.tables.orders import Amendment, Order

PLAN_VERSION = 1
_DAY: Final = len("2026-03-15")


@dataclass
class Amended:
    """What an amendment did."""

    amendment_id: str
    plan: dict[str, Any]
    ended_line_ids: list[str] = field(default_factory=list)
    created_line_ids: list[str] = field(default_factory=list)


def amend(session: Session, order: Order, wanted: bodies.AmendmentRequest, now: datetime) -> Amended:
    """Do all intents, or none. Never commits.

    Raises the API's 409 for another version of the order or another plan than was looked at, 400 for an order that is
    not active and for what cannot be, 501 for what is not done here.
    """
    if wanted.order_version != order.version:
        raise conflict(f"orderVersion: the order is at version {order.version}", "ORDER_VERSION_MISMATCH")
    status = status_of(order, now)
    if status != "active":
        raise invalid(f"{order.id} is {status}; only an active order can be amended")
    amendment_id = new_id("am")
    before = _money(session, order, now)
    steps: list[Step] = []
    for place, intent in enumerate(wanted.intents):
        steps.append(take(session, order, intent, wanted.default_treatment, place, now))
        session.flush()
    effects = _move_money(session, order, amendment_id, before, steps, _free(steps, wanted), now)
    granted = _move_credits(session, order, amendment_id, steps, now)
    plan = _plan(order, steps, effects, granted, now)
    if wanted.plan_hash is not None and wanted.plan_hash != plan["planHash"]:
        raise conflict("planHash: the amendment would not do any more what was looked at", "PLAN_CHANGED")
    order.version += 1
    order.updated_at = order.next_due = now
    content = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in wanted.intents]
    session.add(
        Amendment(id=amendment_id, order_id=order.id, version=order.version, intents=content, plan=plan, created_at=now)
    )
    session.flush()
    advance_order(session, order, now)
    created = [line_id for step in steps for line_id in step.created_lines]
    return Amended(amendment_id, plan, [], created)


def _free(steps: Sequence[Step], wanted: bodies.AmendmentRequest) -> set[str]:
    """Threads whose change moves no money, since the request says so."""
    free = set()
    for step, intent in zip(steps, wanted.intents, strict=True):
        treatment = getattr(intent, "treatment", None) or wanted.default_treatment
        if treatment == "none":
            free |= set(step.threads)
    return free


@dataclass(frozen=True)
class _Money:
    """What an order charges at a moment, by key: fees of running periods, and what is charged once."""

    fees: dict[str, Accrued]
    once: dict[str, Charge]


def _money(session: Session, order: Order, now: datetime) -> _Money:
    of = segments(order, attributes_of(session, order))
    return _Money(accruals(order, of, now), once_charges(order, of))


def _move_money(
    session: Session, order: Order, amendment_id: str, before: _Money, steps: Sequence[Step], free: set[str],
    now: datetime,
) -> list[dict[str, Any]]:  # fmt: skip
    """Leave what moves for the next invoice; the effects, with the first charges of what begins now."""
    keys = charged_keys(session, order)
    after = _money(session, order, now)
    index = {thread: step.index for step in steps for thread in (*step.threads, step.begun) if thread is not None}
    effects = []
    for key in sorted(before.fees.keys() | after.fees.keys()):
        was, is_now = before.fees.get(key), after.fees.get(key)
        either = is_now or was
        assert either is not None
        place = index.get(either.thread, 0)
        if was is None and key not in keys:
            effects.append(_effect(order, place, "firstPeriodCharge", either, either.plain))
        amount = 0 if either.thread in free else moved(was, is_now, charged=key in keys)
        if amount == 0:
            continue
        is_charge = amount > 0
        row = either.dated.row
        line = Drafted(
            f"{amendment_id}/{key}", f"{row.name} (amended)", Span(now, either.span.end), row.quantity, amount,
            row.order_line_id, row.id, "PRORATION_CHARGE" if is_charge else "PRORATION_CREDIT",
        )  # fmt: skip
        add_item(session, order, line, now)
        effects.append(_effect(order, place, "prorationCharge" if is_charge else "prorationCredit", either, amount))
    session.flush()
    once = (charge for key, charge in after.once.items() if key not in before.once)
    effects += [_bought(order, index.get(each.dated.row.thread, 0), each, now) for each in once]
    shown = [each for each in effects if each["amountMinor"]]
    return sorted(shown, key=lambda each: (each["intentIndex"], each["kind"], each["cycleStart"], each["amountMinor"]))


def _effect(order: Order, place: int, kind: str, fee: Accrued, amount: int) -> dict[str, Any]:
    row = fee.dated.row
    return {
        "intentIndex": place, "kind": kind, "orderLineAttributeId": row.id, "orderLineId": row.order_line_id,
        "amountMinor": abs(amount), "currency": order.currency, "cycleStart": fee.span.start.isoformat(),
        "cycleEnd": fee.span.end.isoformat(), "remainingDays": fee.remaining, "totalDaysInCycle": fee.days,
        "billing": "nextRun",
    }  # fmt: skip


def _bought(order: Order, place: int, charge: Charge, now: datetime) -> dict[str, Any]:
    row, span = charge.dated.row, charge.span
    return {
        "intentIndex": place, "kind": "firstPeriodCharge", "orderLineAttributeId": row.id,
        "orderLineId": row.order_line_id, "amountMinor": rounded(charge.amount or Fraction(0)),
        "currency": order.currency, "cycleStart": span.start.isoformat(), "cycleEnd": span.end.isoformat(),
        "remainingDays": (span.end.date() - now.date()).days, "totalDaysInCycle": span.days, "billing": "nextRun",
    }  # fmt: skip


def _move_credits(
    session: Session, order: Order, amendment_id: str, steps: Sequence[Step], now: datetime
) -> list[dict[str, Any]]:
    of = segments(order, attributes_of(session, order))
    effects = []
    for step in steps:
        amounts = [] if step.begun is None else brought_by(order, of, step.begun, now)
        if step.more_units > 0 and step.threads:
            amounts += grant_more(session, order, step.threads[0], step.more_units, amendment_id, now)
        for amount in amounts:
            effect = {"intentIndex": step.index, "kind": "grantOnActivation", "at": now.isoformat()}
            effects.append(effect | {"creditAmount": amount})
    return effects


def _plan(
    order: Order, steps: Sequence[Step], effects: Sequence[Any], granted: Sequence[Any], now: datetime
) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for step in steps:
        for name, content in step.operations.items():
            if name == "orderTerm":
                operations[name] = content
            else:
                operations.setdefault(name, []).append(content)
    money, given = list(effects), list(granted)
    plan: dict[str, Any] = {
        "planVersion": PLAN_VERSION, "orderId": order.id, "orderVersion": order.version,
        "effectiveDate": now.date().isoformat(), "operations": operations, "moneyEffects": money,
        "creditEffects": given,
    }  # fmt: skip
    stable = plan | {"moneyEffects": _lasting(money), "creditEffects": _lasting(given)}
    return plan | {"planHash": hashlib.sha256(dump_json(stable).encode()).hexdigest()}


def _lasting(effects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The effects without what another run of the same on the same day gives another name or time."""
    return [
        {
            key: value[:_DAY] if key in ("cycleStart", "cycleEnd") else value
            for key, value in each.items()
            if key not in ("orderLineAttributeId", "orderLineId", "at")
        }
        for each in effects
    ]
