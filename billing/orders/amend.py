"""Amend an active order: quantities, prices, ends and additions, from now on, with money by the day.

A preview does the same in a transaction that is undone, so that it cannot say anything else.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid
from billing.api.schemas import amendments as bodies
from billing.columns import dump_json
from billing.ids import new_id
from billing.invoices.issue import add_item, charged_keys
from billing.invoices.lines import Drafted
from billing.orders.accrual import Accrued, accruals, moved
from billing.orders.advance import advance_order
from billing.orders.amend_steps import Step, take
from billing.orders.credits import grant_more
from billing.orders.periods import Span
from billing.orders.status import status_of
from billing.orders.threads import attributes_of, segments
from billing.tables.orders import Amendment, Order

PLAN_VERSION = 1


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
    before = accruals(order, segments(order, attributes_of(session, order)), now)
    steps: list[Step] = []
    for place, intent in enumerate(wanted.intents):
        steps.append(take(session, order, intent, place, now))
        session.flush()
    rows = attributes_of(session, order)
    of = segments(order, rows)
    effects = _move_money(session, order, amendment_id, before, accruals(order, of, now), _free(steps, wanted), now)
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


def _move_money(
    session: Session, order: Order, amendment_id: str, before: dict[str, Accrued], after: dict[str, Accrued],
    free: set[str], now: datetime,
) -> list[dict[str, Any]]:  # fmt: skip
    keys = charged_keys(session, order)
    effects = []
    for thread in sorted(before.keys() | after.keys()):
        was, is_now = before.get(thread), after.get(thread)
        either = is_now or was
        assert either is not None
        amount = 0 if thread in free else moved(was, is_now, charged=either.key in keys)
        if amount == 0:
            continue
        is_charge = amount > 0
        row = either.dated.row
        line = Drafted(
            f"{amendment_id}/{thread}", f"{row.name} (amended)", Span(now, either.span.end), row.quantity, amount,
            row.order_line_id, row.id, "PRORATION_CHARGE" if is_charge else "PRORATION_CREDIT",
        )  # fmt: skip
        add_item(session, order, line, now)
        effects.append(
            {
                "intentIndex": 0, "kind": "prorationCharge" if is_charge else "prorationCredit",
                "orderLineAttributeId": row.id, "orderLineId": row.order_line_id, "amountMinor": abs(amount),
                "currency": order.currency, "cycleStart": either.span.start.isoformat(),
                "cycleEnd": either.span.end.isoformat(), "remainingDays": either.remaining,
                "totalDaysInCycle": either.days, "billing": "nextRun",
            }
        )  # fmt: skip
    session.flush()
    return effects


def _move_credits(
    session: Session, order: Order, amendment_id: str, steps: Sequence[Step], now: datetime
) -> list[dict[str, Any]]:
    effects = []
    for step in steps:
        if step.more_units > 0 and step.threads:
            for amount in grant_more(session, order, step.threads[0], step.more_units, amendment_id, now):
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
    """The effects without what another run of the same gives another name or time."""
    return [
        {key: value for key, value in each.items() if key not in ("orderLineAttributeId", "at")} for each in effects
    ]
