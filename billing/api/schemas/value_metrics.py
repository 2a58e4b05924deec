"""Bodies of value metrics."""

from typing import Any, Literal

from pydantic import Field, model_validator

from billing.api.model import Metadata, Model, Text, Time
from billing.api.schemas.value_models import (
    Amount,
    Category,
    FormulaVariable,
    Name,
    Slug,
    Source,
    TimeUnit,
)
from billing.units import Number


class MetricUnit(Model):
    """What is counted. unitDisplay: how a unit of your own is written on receipts."""

    type: Literal["monetary", "duration", "custom"]
    duration_unit: TimeUnit | None = None
    unit: Name | None = None
    unit_display: Name | None = None

    @model_validator(mode="after")
    def _complete(self) -> "MetricUnit":
        if self.type == "duration" and self.duration_unit is None:
            raise ValueError("durationUnit is required when type is 'duration'")
        if self.type == "custom" and self.unit is None and self.unit_display is None:
            raise ValueError("unit or unitDisplay is required when type is 'custom'")
        return self

    def kept(self) -> dict[str, Any]:
        """As a manifest has it."""
        if self.type == "duration":
            return {"type": "duration", "durationUnit": self.duration_unit}
        if self.type == "custom":
            return {
                "type": "custom",
                "unit": self.unit or self.unit_display,
                "unit_display": self.unit_display or self.unit,
            }
        return {"type": "monetary"}


class PerUnit(Model):
    """What one unit is worth, in the currency of the model."""

    value_per_unit: Amount
    label: Text | None = None


class MetricFormula(Model):
    """How an amount is worked out; without variables the expression is a constant."""

    label: Text | None = None
    expression: Text
    variables: list[FormulaVariable] = Field(max_length=100)


class MetricSignal(Model):
    """The event that feeds the metric. defaults: what variables are where an event's data has nothing for them."""

    event_name: Name
    label: Text | None = None
    defaults: dict[Name, Amount] | None = None
    description: str | None = None
    labels: list[str] | None = None
    tags: list[str] | None = None


class MetricCreate(Model):
    """A new metric. slug: made of the name where it is left out."""

    name: Name
    slug: Slug | None = None
    unit: MetricUnit
    monetary_conversion: PerUnit | None = None
    formula: MetricFormula
    signal: MetricSignal
    category: Category | None = None
    description: str | None = Field(None, max_length=4096)
    long_description: str | None = Field(None, max_length=65_536)
    sources: list[Source] | None = Field(None, max_length=3)
    expected_active_version: int | None = Field(None, ge=0, lt=2**63)


class VariableEdit(Model):
    """What may change of a variable."""

    value: Amount | None = None
    label: Text | None = None
    format: Literal["percent", "duration"] | None = None
    format_unit: TimeUnit | None = None

    @model_validator(mode="after")
    def _has_unit(self) -> "VariableEdit":
        if self.format == "duration" and self.format_unit is None:
            raise ValueError("formatUnit is required when format is 'duration'")
        return self


class MetricUpdate(Model):
    """What changes; what is not sent stays. The formula's expression and the signal never change."""

    name: Name | None = None
    unit: MetricUnit | None = None
    monetary_conversion: PerUnit | None = None
    variables: dict[Name, VariableEdit] | None = None
    archived_at: Time | None = None
    category: Category | None = None
    description: str | None = Field(None, max_length=4096)
    long_description: str | None = Field(None, max_length=65_536)
    sources: list[Source] | None = Field(None, max_length=3)
    expected_active_version: int | None = Field(None, ge=0, lt=2**63)

    @model_validator(mode="before")
    @classmethod
    def _immutable(cls, sent: Any) -> Any:
        for key in ("formula", "expression", "signal", "slug"):
            if isinstance(sent, dict) and key in sent:
                raise ValueError(f"{key} cannot be changed; create another metric, or send a whole value model")
        return sent

    @model_validator(mode="after")
    def _needed(self) -> "MetricUpdate":
        for key in ("name", "unit"):
            if key in self.model_fields_set and getattr(self, key) is None:
                raise ValueError(f"{key} cannot be taken away")
        return self


class WriteAck(Model):
    """What was written; version: of the value model that is active now."""

    slug: str
    name: str
    version: int


class ConversionVariable(Model):
    """A number of a conversion."""

    id: str
    label: str
    default: Number


class ShownConversion(Model):
    """valuePerUnit: only where the conversion is so much a unit."""

    value_per_unit: Number | None = None
    label: str | None = None
    expression: str
    variables: list[ConversionVariable]


class ShownFormula(Model):
    """A formula with its id."""

    id: str
    label: str
    expression: str
    variables: list[Metadata]


class ShownSignal(Model):
    """A binding; defaults that are no numbers are left out."""

    event_name: str
    label: str | None = None
    defaults: dict[str, Number] | None = None
    description: str | None = None
    labels: list[str] | None = None
    tags: list[str] | None = None


class MetricSummary(Model):
    """A metric in a list."""

    slug: str
    name: str
    category: str | None = None
    unit: MetricUnit
    description: str | None = None
    archived_at: str | None = None
    monetary_conversion: ShownConversion | None = None


class MetricDetail(MetricSummary):
    """A metric."""

    long_description: str | None = None
    sources: list[Source] | None = None
    formula: ShownFormula | None = None
    signals: list[ShownSignal]
