"""Bodies of value models: the manifest, read strictly, so that nothing in it is ignored without a word."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from billing.api.model import Metadata, Model, Text, Time
from billing.units import Number

_FINEST: Final = 15
_LONGEST: Final = 4096

Name = Annotated[Text, Field(max_length=255)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=100)]
TimeUnit = Literal["seconds", "minutes", "hours", "days"]
Category = Literal["hve", "time", "cost", "revenue", "risk"]
Operator = Literal["gte", "gt", "lt", "lte", "eq", "neq", "contains", "eq_string", "eq_bool"]


def _within(value: Decimal) -> Decimal:
    if not value.is_finite() or value.adjusted() >= _FINEST or value.as_tuple().exponent < -_FINEST:  # type: ignore[operator]
        raise ValueError("must be below 10^15, with at most 15 decimal places")
    return value


Amount = Annotated[Number, AfterValidator(_within)]
"""A number of a formula: no larger, and no finer, than formulas work with."""


def _given(value: object) -> object:
    if isinstance(value, str) and len(value) <= _LONGEST and "\x00" not in value:
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _within(Decimal(str(value)))
    if isinstance(value, bool):
        return value
    raise ValueError(f"must be a number, true, false, or a text of at most {_LONGEST} characters")


Given = Annotated[
    Any, PlainValidator(_given), WithJsonSchema({"anyOf": [{"type": each} for each in ("number", "boolean", "string")]})
]
"""A constant: a number, a truth or a text."""


class Strict(Model):
    """A part of a manifest: what is not known here would change nothing, and is refused."""

    model_config = ConfigDict(extra="forbid")


class Source(Strict):
    """A citation."""

    name: Text
    url: Text


class Derived(Strict):
    """A duration's place in the data, and the unit that it is turned into."""

    source_field: Name
    target_unit: TimeUnit


class FormulaVariable(Strict):
    """A name of a formula."""

    id: Name
    label: Text
    type: Literal["number", "string", "boolean", "duration"] | None = None
    description: str | None = None
    format: Literal["percent", "duration"] | None = None
    format_unit: TimeUnit | None = None

    @model_validator(mode="after")
    def _has_unit(self) -> "FormulaVariable":
        if self.format == "duration" and self.format_unit is None:
            raise ValueError("formatUnit is required when format is 'duration'")
        return self


class ManifestVariable(FormulaVariable):
    """A name of a formula of the manifest."""

    derived_from: Derived | None = None


class Result(Strict):
    """What a condition gives."""

    type: Literal["constant", "expression"]
    value: Amount | None = None
    expression: Text | None = None


class Condition(Strict):
    """What is looked at in the data."""

    field: Name
    operator: Operator
    value: Given
    result: Result


class Formula(Strict):
    """How an amount is worked out."""

    id: Name
    value_type_slug: Name
    label: Text
    description: str | None = None
    variables: list[ManifestVariable] = Field(max_length=100)
    expression: Text
    conditions: list[Condition] | None = Field(None, max_length=100)
    default_result: Result | None = None


class SignalBinding(Strict):
    """An event that feeds metrics."""

    event_name: Name
    label: Text
    formula_id: Name | None = None
    variable_mapping: dict[Name, Name] | None = None
    defaults: dict[Name, Given] | None = None
    segment_table_ids: list[Name] | None = None
    description: str | None = None
    labels: list[str] | None = None
    tags: list[str] | None = None


class ManifestUnit(Strict):
    """What is counted."""

    type: Literal["monetary", "duration", "custom"]
    duration_unit: TimeUnit | None = None
    unit: Name | None = None
    unit_display: Name | None = Field(None, alias="unit_display")

    @model_validator(mode="after")
    def _complete(self) -> "ManifestUnit":
        if self.type == "duration" and self.duration_unit is None:
            raise ValueError("durationUnit is required when type is 'duration'")
        if self.type == "custom" and (self.unit is None or self.unit_display is None):
            raise ValueError("unit and unit_display are required when type is 'custom'")
        return self


class RateVariable(Strict):
    """A number of a conversion."""

    id: Name
    label: Text
    default: Amount


class Conversion(Strict):
    """What an amount is worth in money."""

    expression: Text
    variables: list[RateVariable] | None = None
    conditions: list[Condition] | None = None


class Calculation(Strict):
    """How a metric is worked out."""

    unit: ManifestUnit
    monetary_conversion: Conversion | None = None
    formula_ids: list[Name]
    signal_event_names: list[Name]
    segment_table_ids: list[Name]
    override_ids: list[Name]


class Stretch(Strict):
    """From when on it is worked out so."""

    effective_from: Time
    calculation: Calculation


class ValueType(Strict):
    """A metric of the manifest."""

    slug: Name
    name: Text
    calculation_timeline: list[Stretch] = Field(min_length=1, max_length=1000)
    description: str | None = None
    long_description: str | None = None
    sources: list[Source] | None = None
    display_order: int | None = Field(None, ge=-(2**31), lt=2**31)
    color: str | None = None
    icon: str | None = None
    category: Category | None = None
    archived_at: Time | None = None


class SegmentColumn(Strict):
    """A variable that a segment table gives."""

    variable_id: Name
    label: Text
    type: Literal["number"]


class SegmentRow(Strict):
    """What holds for one segment."""

    segment_values: dict[Name, str]
    variables: dict[Name, Amount]


class SegmentTable(Strict):
    """Variables by texts in the data."""

    id: Name
    label: Text
    segment_keys: list[Name]
    columns: list[SegmentColumn]
    rows: list[SegmentRow] = Field(max_length=10_000)
    default_row: dict[Name, Amount] | None = None


class OverrideScope(Strict):
    """Whom an override is for."""

    customer_ids: list[Name] | None = Field(None, max_length=10_000)
    customer_group_ids: list[Name] | None = None


class Defaults(Strict):
    """Values of variables where the data has none."""

    defaults: dict[Name, Given] | None = None


class FixedVariables(Strict):
    """Values of variables, whatever the data says."""

    variables: dict[Name, Given] | None = None


class RateVariables(Strict):
    """Numbers of conversions."""

    variables: dict[Name, Amount] | None = None


class Override(Strict):
    """What is otherwise for some customers."""

    id: Name
    label: Text
    scope: OverrideScope
    currency: Name | None = None
    signal_overrides: dict[Name, Defaults] | None = None
    value_type_overrides: dict[Name, FixedVariables] | None = None
    additional_signals: list[SignalBinding] | None = None
    monetary_conversion_overrides: dict[Name, RateVariables] | None = None


class ValueModelContent(Strict):
    """The whole manifest."""

    currency: Name
    value_types: list[ValueType] = Field(max_length=1000)
    formulas: list[Formula] = Field(max_length=1000)
    signals: list[SignalBinding] = Field(max_length=1000)
    segment_tables: list[SegmentTable] | None = Field(None, max_length=100)
    overrides: list[Override] | None = Field(None, max_length=1000)


class ValueModelUpdate(Model):
    """A new version."""

    content: ValueModelContent
    effective_from: Time | None = None
    effective_to: Time | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "ValueModelUpdate":
        if self.effective_from and self.effective_to and self.effective_from >= self.effective_to:
            raise ValueError("effectiveTo must be after effectiveFrom")
        return self


class ValueModelDetail(Model):
    """A version with its manifest."""

    id: str
    version: int
    content: Metadata
    created_at: Time
    activated_at: Time
    effective_from: Time | None = None
    effective_to: Time | None = None


class ValueModelSummary(Model):
    """A version without it."""

    id: str
    version: int
    status: Literal["draft", "active", "archived"]
    created_at: Time
    activated_at: Time
    archived_at: Time | None = None
    effective_from: Time | None = None
    effective_to: Time | None = None


class BackfillResponse(Model):
    """The version that all events are valued by again."""

    value_model_id: str
    version: int


def stored(body: Model) -> dict[str, Any]:
    """A body as it is kept: the API's own names, moments as text."""
    kept: dict[str, Any] = _plain(body.model_dump(by_alias=True, exclude_none=True))
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
