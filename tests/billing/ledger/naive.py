"""The ledger as one would explain it: grants with lists of what was spent of them and when; no sums, no database."""

from dataclasses import dataclass, field
from datetime import datetime

from billing.ledger.debits import Debit
from billing.ledger.grants import Grant


@dataclass
class NaiveGrant:
    terms: Grant
    number: int
    is_pending: bool
    is_void: bool = False
    spends: list[tuple[str, datetime, int]] = field(default_factory=list)  # signal, when, how much
    overage: dict[str, int] = field(default_factory=dict)

    @property
    def period_end(self) -> datetime | None:
        ends = [end for end in (self.terms.ends_at, self.terms.expires_at) if end]
        return min(ends) if ends else None

    @property
    def end(self) -> datetime | None:
        terms = self.terms
        if self.period_end and terms.rollover_ends_at and terms.rollover_micro:
            ends = [end for end in (terms.rollover_ends_at, terms.expires_at) if end]
            return max(self.period_end, min(ends))
        return self.period_end

    def spent(self) -> int:
        return sum(amount for _, _, amount in self.spends)

    def available(self, at: datetime) -> int:
        if self.is_pending or self.is_void or at < self.terms.starts_at or (self.end and at >= self.end):
            return 0
        if self.period_end is None or at < self.period_end:
            return self.terms.amount_micro - self.spent()
        before = sum(amount for _, when, amount in self.spends if when < self.period_end)
        after = self.spent() - before
        return min(self.terms.rollover_micro or 0, self.terms.amount_micro - before) - after

    def rank(self) -> tuple[object, ...]:
        far = datetime.max.replace(tzinfo=self.terms.starts_at.tzinfo)
        return (
            self.terms.seat_user_id is None, self.terms.priority, self.end or far, self.terms.origin == "purchased",
            self.terms.starts_at, self.number,
        )  # fmt: skip


@dataclass
class Naive:
    grants: list[NaiveGrant] = field(default_factory=list)
    debits: dict[str, Debit] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)

    def open(self, grant: Grant) -> None:
        made = NaiveGrant(grant, len(self.grants), grant.pending)
        self.grants.append(made)
        if not grant.pending:
            self._settle(made)

    def release(self, grant: NaiveGrant) -> None:
        if grant.is_pending and not grant.is_void:
            grant.is_pending = False
            self._settle(grant)

    def void(self, grant: NaiveGrant) -> None:
        grant.is_void = True

    def debit(self, each: Debit) -> None:
        old = self.debits.get(each.signal_id)
        if old == each:
            return
        if old is not None:
            self._reverse(old)
        self.debits[each.signal_id] = each
        left = each.amount_micro
        for grant in self.of(each.customer_id, each.seat_user_id):
            amount = min(left, grant.available(each.occurred_at))
            if amount:
                grant.spends.append((each.signal_id, each.occurred_at, amount))
                left -= amount
        if not left:
            return
        for grant in self.of(each.customer_id, each.seat_user_id):
            starts, end = grant.terms.starts_at, grant.end
            is_valid = starts <= each.occurred_at and (end is None or each.occurred_at < end)
            if grant.terms.overage_unit_price is not None and is_valid and not (grant.is_pending or grant.is_void):
                grant.overage[each.signal_id] = left
                return
        self.pending[each.signal_id] = left

    def of(self, customer_id: str, seat: str | None) -> list[NaiveGrant]:
        return [
            grant
            for grant in sorted(self.grants, key=NaiveGrant.rank)
            if grant.terms.customer_id == customer_id and grant.terms.seat_user_id in (None, seat)
        ]

    def _reverse(self, old: Debit) -> None:
        self.pending.pop(old.signal_id, None)
        freed = []
        for grant in self.of(old.customer_id, old.seat_user_id):
            grant.overage.pop(old.signal_id, None)
            kept = [spend for spend in grant.spends if spend[0] != old.signal_id]
            if len(kept) < len(grant.spends):
                grant.spends = kept
                freed.append(grant)
        for grant in freed:
            self._settle(grant)

    def _settle(self, grant: NaiveGrant) -> None:
        waiting = sorted(self.pending, key=lambda name: (self.debits[name].occurred_at, name))
        for name in waiting:
            each = self.debits[name]
            if each.customer_id != grant.terms.customer_id or grant.terms.seat_user_id not in (None, each.seat_user_id):
                continue
            when = max(each.occurred_at, grant.terms.starts_at)
            amount = min(self.pending[name], grant.available(when))
            if amount == 0:
                continue
            grant.spends.append((name, when, amount))
            self.pending[name] -= amount
            if not self.pending[name]:
                del self.pending[name]
