"""`/contacts`: people of customers whom invoices go to."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.model import EmptyResponse
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.contacts import Contact, ContactCreate, ContactUpdate
from billing.customers import contacts
from billing.tables import customers as tables

routes = router("contacts")

Find = Callable[[Session], tables.Contact]


@routes.get("/contacts", response_model_exclude_none=True)
def list_contacts(billing: Shared, part: Paged) -> Listed[Contact]:
    """Contacts, the newest first."""
    query = select(tables.Contact).order_by(tables.Contact.created_at.desc(), tables.Contact.id)
    with billing.database.read() as session:
        return listed(session, query, part, Contact.model_validate)


@routes.post("/contacts", response_model_exclude_none=True)
def create_contact(billing: Shared, body: ContactCreate) -> Contact:
    """A new contact of a customer."""
    now = billing.clock()
    return billing.database.write(lambda session: Contact.model_validate(contacts.create(session, body, now)))


async def _by_id(contact_id: str) -> Find:
    return lambda session: contacts.contact_by_id(session, contact_id)


async def _by_external_id(external_id: str) -> Find:
    return lambda session: contacts.contact_by_external_id(session, external_id)


def _one(path: str, who: Callable[[str], Awaitable[Find]]) -> None:
    @routes.get(path, response_model_exclude_none=True)
    def get_contact(billing: Shared, find: Annotated[Find, Depends(who)]) -> Contact:
        """A contact."""
        with billing.database.read() as session:
            return Contact.model_validate(find(session))

    @routes.put(path, response_model_exclude_none=True)
    def update_contact(billing: Shared, find: Annotated[Find, Depends(who)], body: ContactUpdate) -> Contact:
        """Change a contact."""
        now = billing.clock()

        def work(session: Session) -> Contact:
            contact = find(session)
            contacts.update(session, contact, body, now)
            return Contact.model_validate(contact)

        return billing.database.write(work)

    @routes.delete(path)
    def delete_contact(billing: Shared, find: Annotated[Find, Depends(who)]) -> EmptyResponse:
        """Delete a contact."""
        billing.database.write(lambda session: session.delete(find(session)))
        return EmptyResponse()


_one("/contacts/external/{external_id:path}", _by_external_id)
_one("/contacts/{contact_id}", _by_id)
