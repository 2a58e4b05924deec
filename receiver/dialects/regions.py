"""Where a call was served, as far as the price depends on it: a cloud's region, or the residency a vendor promises.

Only what speaks of the model's side counts. The application's own ``cloud.region`` is a resource attribute and is not
looked at. The worldwide default is no region: ``global`` and ``not_available`` are null.
"""

from typing import Final

import polars as pl

_HOSTS: Final = (
    r"^bedrock(?:-[a-z]+)*\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$",
    r"^([a-z0-9-]+)-aiplatform\.googleapis\.com$",
    r"^aiplatform\.([a-z]{2})\.rep\.googleapis\.com$",
    r"^([a-z]{2})\.api\.openai\.com$",
    r"^([a-z0-9-]+)\.api\.x\.ai$",
)
_ARN: Final = r"^arn:aws[\w-]*:(?:bedrock|sagemaker):([a-z0-9-]+):"
_NOWHERE: Final = ("", "global", "not_available", "none", "null", "unknown", "default")


def host_name(host: pl.Expr) -> pl.Expr:
    """Lower-case name of a host that is given alone, with a port or as a URL."""
    return host.str.to_lowercase().str.extract(r"^(?:https?://)?([^/:?]+)", 1)


def region_of_host(host: pl.Expr) -> pl.Expr:
    """Region in the name of a provider's regional endpoint, else null."""
    name = host_name(host)
    return pl.coalesce([name.str.extract(pattern, 1) for pattern in _HOSTS])


def region_of_model(model: pl.Expr) -> pl.Expr:
    """Region in a model's ARN, else null; the ``us.`` of a Bedrock profile is a routing area and no region."""
    return model.str.to_lowercase().str.extract(_ARN, 1)


def region(stated: pl.Expr, host: pl.Expr, model: pl.Expr) -> pl.Expr:
    """The region a span states, else its host's, else its model's; lower case."""
    named = stated.str.strip_chars().str.to_lowercase()
    return pl.coalesce(pl.when(~named.is_in(_NOWHERE)).then(named), region_of_host(host), region_of_model(model))
