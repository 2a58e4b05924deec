"""Bodies of signals. `data` goes out as the JSON that the lake keeps, so that its numbers have every digit."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from billing.api.model import Model, Time
from billing.signals.names import Known


class SignalListItem(Model):
    """A signal as it was received. Ids as sent that mean nobody are there all the same."""

    id: str
    name: str
    customer_id: str | None = None
    external_customer_id: str | None = None
    product_id: str | None = None
    external_product_id: str | None = None
    trace_id: str | None = None
    data: dict[str, Any] | None = None
    created_at: Time


def shown_signal(
    row: Mapping[str, Any], customers: Mapping[str, Known], products: Mapping[str, Known]
) -> dict[str, Any]:
    """The item of a row of the lake, ready for `orjson`; what there is nothing of is left out."""
    customer_id, external_customer = _ids(row["customer_id"], customers)
    product_id, external_product = _ids(row["product_id"], products)
    item = {
        "id": row["signal_id"],
        "name": row["event_name"],
        "customerId": customer_id,
        "externalCustomerId": external_customer,
        "productId": product_id,
        "externalProductId": external_product,
        "traceId": row["trace_id"],
        "data": None if row["data"] is None else _content(row["data"]),
        "createdAt": _rfc3339(row["received_at"]),
    }
    return {key: value for key, value in item.items() if value is not None}


def _ids(text: str | None, known: Mapping[str, Known]) -> tuple[str | None, str | None]:
    """Our id, and the caller's: the text as it was sent, unless that is ours."""
    if text is None:
        return None, None
    found = known.get(text)
    if found is None:
        return None, text
    return found.id, found.external_id if text == found.id else text


def _content(text: str) -> orjson.Fragment | dict[str, orjson.Fragment]:
    """Clients read an object; what is none (an OTLP attribute may hold any JSON) is kept in one."""
    fragment = orjson.Fragment(text)
    return fragment if text.lstrip().startswith("{") else {"_raw": fragment}


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
