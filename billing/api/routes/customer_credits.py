"""`/customers/…/credits` and `/credits/transactions`: what customers have, are given, and have spent."""

from typing import Annotated

from fastapi import Depends, Header, Query, Response
from sqlalchemy.orm import Session

from billing.api.customer_paths import TWINS, Find, Who
from billing.api.dates import at_or_after, at_or_before
from billing.api.paging import Listed, Paged, of_part
from billing.api.requests import Shared, router
from billing.api.schemas.credits import (
    CreditBalanceList,
    CreditCurrencyName,
    CreditCustomer,
    CreditGrantCreate,
    CreditGrantResult,
    CreditTransaction,
    GrantCustomerCredits,
    PendingCreditConsumption,
    shown_balance,
    shown_transaction,
    shown_waiting,
)
from billing.customers.find import customer_of_external
from billing.ledger import transactions
from billing.ledger.balances import balances
from billing.ledger.manual import ManualGrant, grant_by_hand
from billing.units import MICRO, decimal_text, from_micro, to_micro

routes = router("credits")

Wanted = Annotated[str | None, Query(max_length=4096, pattern=r"^[^\x00]*$")]


def _below(path: str, who: Who) -> None:
    @routes.get(f"{path}/credits/balances", response_model=CreditBalanceList)
    def get_credit_balances(billing: Shared, find: Annotated[Find, Depends(who)]) -> Response:
        """What the customer has now, by currency and recipient."""
        billing.settled()
        with billing.database.read() as session:
            held = balances(session, find(session).id, billing.clock(), allow_negative=billing.allow_negative)
        shown = CreditBalanceList(data=[shown_balance(balance) for balance in held])
        # Written here: what the framework would write takes another thread, and it is asked before each paid action.
        return Response(shown.model_dump_json(by_alias=True, exclude_none=True), media_type="application/json")

    @routes.post(f"{path}/credits/grants", response_model_exclude_none=True)
    def grant_credits(
        billing: Shared,
        find: Annotated[Find, Depends(who)],
        body: CreditGrantCreate,
        idempotency_key: Annotated[str | None, Header(max_length=255, pattern=r"^[^\x00]*$")] = None,
    ) -> GrantCustomerCredits:
        """Give credits, spendable at once. With an `Idempotency-Key`, the same request makes one grant only."""
        now = billing.clock()
        asked = ManualGrant(
            currency_key=body.credit_currency_key,
            amount_micro=to_micro(body.amount),
            starts_at=body.starts_at,
            expires_at=body.expires_at,
            request_key=idempotency_key,
        )

        def work(session: Session) -> GrantCustomerCredits:
            customer = find(session)
            opened, made, currency = grant_by_hand(session, customer, asked, now)
            return GrantCustomerCredits(
                created=opened.created,
                customer=CreditCustomer(id=customer.id, external_id=customer.external_id),
                credit_currency=CreditCurrencyName(key=currency.key, name=currency.name),
                grant=CreditGrantResult(
                    amount=made.amount_micro // MICRO,
                    amount_decimal=decimal_text(from_micro(made.amount_micro)),
                    starts_at=made.starts_at,
                    expires_at=made.expires_at,
                ),
                created_at=made.created_at,
            )

        return billing.database.write(work)

    @routes.get(f"{path}/credits/pending-consumption", response_model_exclude_none=True)
    def list_pending_consumption(
        billing: Shared, part: Paged, find: Annotated[Find, Depends(who)]
    ) -> Listed[PendingCreditConsumption]:
        """What the customer has burned before there were credits for it, the oldest first."""
        with billing.database.read() as session:
            rows, total = transactions.pending_consumption(session, find(session).id, part.limit, part.offset)
        return of_part([shown_waiting(row) for row in rows], total, part)


for _path, _who in TWINS:
    _below(_path, _who)


@routes.get("/credits/transactions", response_model_exclude_none=True)
def list_credit_transactions(
    billing: Shared,
    part: Paged,
    customer_id: Annotated[Wanted, Query(alias="customerId")] = None,
    external_customer_id: Annotated[Wanted, Query(alias="externalCustomerId")] = None,
    credits_currency_id: Annotated[Wanted, Query(alias="creditsCurrencyId")] = None,
    credit_currency_key: Annotated[Wanted, Query(alias="creditCurrencyKey")] = None,
    type_: Annotated[transactions.TransactionType | None, Query(alias="type")] = None,
    order_id: Annotated[Wanted, Query(alias="orderId")] = None,
    created_at_from: Annotated[str | None, Query(alias="createdAtFrom")] = None,
    created_at_to: Annotated[str | None, Query(alias="createdAtTo")] = None,
) -> Listed[CreditTransaction]:
    """What was granted and spent, the newest first; a customer or currency that is not there has no transactions."""
    since, until = at_or_after(created_at_from, "createdAtFrom"), at_or_before(created_at_to, "createdAtTo")
    with billing.database.read() as session:
        if external_customer_id is not None:
            named = customer_of_external(session, external_customer_id)
            found = None if named is None else named.id
            if found is None or customer_id not in (None, found):
                return of_part([], 0, part)
            customer_id = found
        only = transactions.Filter(
            customer_id=customer_id,
            currency_id=credits_currency_id,
            currency_key=credit_currency_key,
            type=type_,
            order_id=order_id,
            since=since,
            until=until,
        )
        lines, total = transactions.transactions(session, only, part.limit, part.offset)
    return of_part([shown_transaction(line) for line in lines], total, part)
