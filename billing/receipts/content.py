"""What stands in a receipt: totals by value metric, read from the lake in one query, hence at one snapshot.

Amounts and values are decimal texts, since they are exact; `value` is US dollars. An event whose value is not known
counts as `unknown` and adds nothing; a metric that is not counted in money has no `value`. What events cost, and what
was paid for them, is not for the customer's eyes.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import polars as pl

from analytics.value_fields import slug
from billing.columns import dump_json, load_json
from billing.context import LakeReader
from billing.units import decimal_text

CURRENCY: Final = "USD"
"""What the lake counts value in."""

_TOTALS: Final = """
SELECT v.metric, v.unit, count(*) AS events, sum(v.amount) AS amount, sum(v.value_usd) AS value,
       count(v.note) AS unknown -- whatever is not known has a note that says why
FROM event_values AS v JOIN signals AS s ON s.signal_id = v.signal_id
JOIN period AS p ON s.occurred_at >= p.starts AND s.occurred_at < p.ends
WHERE s.customer_id IN (SELECT name FROM customers) AND v.occurred_at >= p.starts AND v.occurred_at < p.ends
  AND (p.every_product OR s.product_id IN (SELECT name FROM products))
GROUP BY v.metric, v.unit ORDER BY v.metric, v.unit
"""


@dataclass(frozen=True)
class Asked:
    """Whose events of which time. products: None is all of them. Names are those that events carry."""

    customers: list[str]
    products: list[str] | None
    starts: datetime
    ends: datetime


def totals(lake: LakeReader | None, asked: Asked) -> list[dict[str, Any]]:
    """What each metric comes to: slug, unit, events, amount, value, unknown."""
    if lake is None or asked.starts >= asked.ends:
        return []
    period = {"starts": [asked.starts], "ends": [asked.ends], "every_product": [asked.products is None]}
    moment = pl.Datetime("us", "UTC")
    found = lake.read(
        _TOTALS,
        period=pl.DataFrame(period, schema={"starts": moment, "ends": moment, "every_product": pl.Boolean}),
        customers=pl.DataFrame({"name": asked.customers}, schema={"name": pl.String}),
        products=pl.DataFrame({"name": asked.products or []}, schema={"name": pl.String}),
    )
    return [_shown(row) for row in found.iter_rows(named=True)]


def total(metrics: list[dict[str, Any]]) -> Decimal:
    """What all of it is worth, as far as that is known."""
    return sum((Decimal(each["value"]) for each in metrics if "value" in each), Decimal(0))


def content(metrics: list[dict[str, Any]], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The content of a receipt. known: what the value model says of each metric's name, unit and texts."""
    return {
        "metrics": [{**known.get(each["slug"], {"name": each["slug"]}), **each} for each in metrics],
        "total": decimal_text(total(metrics)),
        "currency": CURRENCY,
    }


def names(lake: LakeReader | None) -> dict[str, dict[str, Any]]:
    """What the newest value model says of each metric besides numbers: name, category, description, unitDisplay."""
    if lake is None:
        return {}
    found = lake.read("SELECT content FROM value_models ORDER BY version DESC LIMIT 1")
    said = load_json(found.item()) if found.height else {}
    manifests = [each for each in ((said.get("api") or {}).get("model"), said.get("model")) if each]
    known = {each["slug"]: _texts(each) for manifest in manifests for each in manifest["valueTypes"]}
    for each in said.get("metric") or ():
        known[each.get("slug") or slug(each["name"])] = {"name": each["name"]}
    return known


def _texts(value_type: dict[str, Any]) -> dict[str, Any]:
    texts = {key: value_type[key] for key in ("name", "category", "description") if value_type.get(key) is not None}
    unit = value_type["calculationTimeline"][-1]["calculation"]["unit"]
    display = unit.get("unit_display") or unit.get("unitDisplay")
    return texts | ({"unitDisplay": display} if display else {})


def fingerprint(content: dict[str, Any], whose: dict[str, Any]) -> str:
    """SHA-256 over the content and whose it is, in canonical JSON."""
    return hashlib.sha256(dump_json({"content": _sorted(content), "receipt": _sorted(whose)}).encode()).hexdigest()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"slug": row["metric"], "unit": row["unit"], "events": row["events"]}
    if row["amount"] is not None:
        shown["amount"] = decimal_text(row["amount"])
    if row["value"] is not None:
        shown["value"] = decimal_text(row["value"])
    if row["unknown"]:
        shown["unknown"] = row["unknown"]
    return shown


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
