"""Our rows as Xero is sent them. Pure but for look-ups of what lines are about."""

from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.checkout.money import decimals_of
from billing.invoices.state import display_number
from billing.tables.catalog import ProductAttribute
from billing.tables.customers import Customer
from billing.tables.invoices import Invoice, InvoiceLine
from billing.tables.orders import OrderAttribute, OrderLine
from billing.tables.xero import XeroContact
from billing.xero.sent import ContactSent, InvoiceSent, LineSent, XeroSettings

_ADDRESS: dict[str, str] = {
    "line1": "address_line1", "line2": "address_line2", "city": "city", "state": "region", "zipCode": "postal_code",
    "country": "country",
}  # fmt: skip
_LONGEST_NAME: int = 255


def contact_of(session: Session, customer: Customer) -> ContactSent:
    """A customer as a contact. Where another customer has its name already, its own id tells them apart."""
    name = (customer.legal_name or customer.name).strip()[:200] or customer.id
    other = session.scalar(
        select(XeroContact.customer_id).where(XeroContact.name == name, XeroContact.customer_id != customer.id)
    )
    if other is not None:
        name = f"{name} ({customer.external_id or customer.id})"[:_LONGEST_NAME]
    given = customer.billing_address or {}
    return ContactSent(
        number=customer.id, name=name, email=customer.email, phone=customer.phone, tax_number=customer.vat_number,
        address={theirs: given[ours] for ours, theirs in _ADDRESS.items() if given.get(ours)},
    )  # fmt: skip


def invoice_of(session: Session, invoice: Invoice, contact_id: str, settings: XeroSettings) -> InvoiceSent:
    """A posted invoice, its lines with the accounts and tax types that the settings say."""
    issued = (invoice.posted_date or invoice.issue_date).date()
    return InvoiceSent(
        number=display_number(invoice), reference=invoice.id, contact_id=contact_id, issued=issued,
        due=issued if invoice.due_date is None else invoice.due_date.date(), currency=invoice.currency,
        lines=[_line(session, line, invoice.currency, settings) for line in invoice.lines],
    )  # fmt: skip


def major(minor: int, currency: str) -> Decimal:
    """Minor units as the currency's own, exactly."""
    return Decimal(minor).scaleb(-decimals_of(currency))


def _line(session: Session, line: InvoiceLine, currency: str, settings: XeroSettings) -> LineSent:
    order_line = None if line.order_line_id is None else session.get(OrderLine, line.order_line_id)
    account = settings.default_account
    if order_line is not None:
        account = settings.accounts.get(order_line.product_id, account)
    code = _tax_code(session, line)
    tax_type = settings.zero_tax_type if code is None else settings.tax_types.get(code)
    text = line.description if line.quantity == 1 else f"{line.description} ({line.quantity})"
    return LineSent(text, major(line.amount, currency), account, tax_type)


def _tax_code(session: Session, line: InvoiceLine) -> str | None:
    sold = None if line.order_attribute_id is None else session.get(OrderAttribute, line.order_attribute_id)
    if sold is None or sold.product_attribute_id is None:
        return None
    attribute = session.get(ProductAttribute, sold.product_attribute_id)
    return None if attribute is None else attribute.tax_code
