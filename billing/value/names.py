"""The names that customers and products go by in the lake, where events carry what their senders wrote."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.customers.find import find_customer
from billing.tables.catalog import Product
from billing.tables.customers import Customer, CustomerAlias, CustomerGroup, CustomerGroupMember


def names_of_customer(session: Session, customer: Customer) -> list[str]:
    """Display id, external id and aliases."""
    aliases = session.scalars(select(CustomerAlias.alias).where(CustomerAlias.customer_id == customer.id))
    return [customer.id, *([customer.external_id] if customer.external_id else []), *aliases]


def names_of_product(product: Product) -> list[str]:
    """Display id and external id."""
    return [product.id, *([product.external_id] if product.external_id else [])]


def names_meant(session: Session, text: str) -> list[str]:
    """All names of the customer that a text names; the text itself where there is no such customer (yet)."""
    customer = find_customer(session, text)
    return [text] if customer is None else names_of_customer(session, customer)


def members_of_group(session: Session, text: str) -> list[str] | None:
    """All names of the customers of a group (by its id or name), None where there is no such group."""
    group = session.get(CustomerGroup, text) or session.scalar(select(CustomerGroup).where(CustomerGroup.name == text))
    if group is None:
        return None
    customers = session.scalars(
        select(Customer)
        .join(CustomerGroupMember, CustomerGroupMember.customer_id == Customer.id)
        .where(CustomerGroupMember.group_id == group.id)
        .order_by(Customer.id)
    )
    return [name for customer in customers for name in names_of_customer(session, customer)]
