"""The value models as the lake keeps them, and how a changed one is adopted."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import xxhash

from analytics.event_rules import EventRules
from analytics.revalue import DONE, Revalued, revalue
from analytics.value_model import ValueModel, ValueModelError
from analytics.value_parse import parse_content
from billing.value.feed import Fed
from lake.commit import Transaction
from lake.connect import Lake
from lake.schema import TABLES
from marginlake.config import ConfigError, ValueConfig
from pricing_tables.fx import DOLLAR
from pricing_tables.own_fields import moment

_SCHEMA = TABLES["value_models"].polars_schema
_SOURCE = "revalue:"


def stored_models(lake: Lake) -> list[dict[str, Any]]:
    """The versions in the lake, oldest first, as rows whose content is read."""
    rows = lake.read("SELECT * FROM value_models ORDER BY version")
    return [{**row, "content": _read(row["content"])} for row in rows.iter_rows(named=True)]


def models_from(
    config: ValueConfig, data_dir: Path | None, stored: Sequence[Mapping[str, Any]], api: Fed | None = None
) -> tuple[ValueModel, ...]:
    """The versions to go by: those stored, and one more where settings or API say otherwise than the newest of them.

    api: the model of the REST API; None: what the newest version has of it stays. What the settings say of a metric and
    event holds instead of what the API says, and so does their `effective_from` and `effective_to`.
    Raises ConfigError with one line naming the entry and the key.
    """
    try:
        models = [
            ValueModel(
                row["version"],
                parse_content(row["content"]),
                row["effective_from"],
                row["effective_to"],
                row["content"],
            )
            for row in stored
        ]
        newest = models[-1] if models else ValueModel(0, ())
        content = _content(config, data_dir)
        if not content and api is None:
            return tuple(models)
        since, until = config.effective_from, config.effective_to
        if not content:
            content = {key: value for key, value in newest.content.items() if key != "api"}
            since, until = (newest.effective_from, newest.effective_to) if content else (None, None)
        of_api = newest.content.get("api") if api is None else _of_api(api)
        if of_api is not None:
            content["api"] = of_api
            since = since if since is not None else _moment(of_api.get("effective_from"))
            until = until if until is not None else _moment(of_api.get("effective_to"))
        # what is written must read the same when it comes back from the lake
        kept = _read(_written(content))
        model = ValueModel(newest.version + 1, parse_content(kept), since, until, kept)
    except ValueModelError as error:
        raise ConfigError(str(error)) from None
    same = _written(newest.content) == _written(kept)
    if same and replace(model, version=newest.version) == newest:
        return tuple(models)
    return (*models, model)


def record_models(lake: Lake, rules: EventRules) -> None:
    """Keep the versions that the lake has not got yet."""
    if not rules.value:
        return

    def work(tx: Transaction) -> None:
        known = set(tx.read("SELECT version FROM value_models")["version"].to_list())
        rows = [
            (model.version, _written(model.content), model.effective_from, model.effective_to, datetime.now(UTC))
            for model in rules.value
            if model.version not in known
        ]
        if rows:
            tx.append("value_models", pl.DataFrame(rows, schema=dict(_SCHEMA), orient="row"))

    lake.run(work)


def revalue_again(lake: Lake) -> None:
    """Let the next `revalue_pending` do all of it, whatever was done."""
    lake.run(lambda tx: _forget_others(tx, None))


def revalue_pending(
    lake: Lake,
    rules: EventRules,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Revalued:
    """Bring all events up to the models and exchange rates in force, once; goes on where an earlier run stopped."""
    if not rules.value:
        return Revalued()
    source = _SOURCE + _fingerprint(rules)
    if lake.progress(source) == DONE:
        return Revalued()
    lake.run(lambda tx: _forget_others(tx, source))
    return revalue(lake, rules, source=source, progress=progress, stop=stop)


def _forget_others(tx: Transaction, source: str | None) -> None:
    """What was done under other models says nothing any more, should they come back."""
    others = tx.read(f"SELECT DISTINCT source FROM ingest_log WHERE starts_with(source, '{_SOURCE}')")
    for other in others["source"].to_list():
        if other != source:
            tx.forget_progress(other)


def _fingerprint(rules: EventRules) -> str:
    """Changes with all that event values depend on besides the events."""
    foreign = {binding.currency for model in rules.value for binding in model.bindings} - {DOLLAR}
    said = [
        *((model.version, _written(model.content), model.effective_from, model.effective_to) for model in rules.value),
        *(rate for rate in rules.fx.rates if rate.currency in foreign),
    ]
    return xxhash.xxh3_64_hexdigest(repr(said).encode())


def _content(config: ValueConfig, data_dir: Path | None) -> dict[str, Any]:
    """What the settings say of value; empty when they say nothing."""
    said: dict[str, Any] = {"metric": list(config.metric), "groups": config.groups}
    if config.model is not None:
        said["model"] = _manifest(Path(config.model), data_dir)
    if not said["metric"] and "model" not in said:
        return {}
    return {key: value for key, value in said.items() if value}


def _of_api(api: Fed) -> dict[str, Any]:
    """The model of the API as it is kept beside what the settings say."""
    said = {**api.content, "effective_from": api.effective_from, "effective_to": api.effective_to}
    return {key: value for key, value in said.items() if value}


def _moment(value: object) -> datetime | None:
    return None if value is None else moment(value)


def _manifest(path: Path, data_dir: Path | None) -> object:
    beside = data_dir / path if data_dir is not None and (data_dir / path).is_file() else path
    try:
        return _read(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueModelError(f"value: model: {beside}: {error}") from None


def _read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _written(content: Mapping[str, Any]) -> str:
    """JSON in one way only, with numbers as exact as they were."""
    return orjson.dumps(
        content, default=_as_written, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
    ).decode()


def _as_written(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"not a JSON value: {type(value).__name__}")
