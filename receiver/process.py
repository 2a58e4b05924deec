"""Which process sent a span: what its resource says, as far as it can tell one process from another."""

from typing import Final

import polars as pl

from receiver.frames import Wanted
from receiver.wide import resource_attr

PROCESS_WANTED: Final = Wanted(resource_keys=frozenset({"service.instance.id", "host.name", "process.pid"}))
"""What the decoder must provide for ``process``."""

_NAMELESS: Final = r"^unknown_service"


def process(spans: pl.DataFrame) -> pl.Expr:
    """Name of the sending process as String: service and instance, else service, host and process number, as far as
    they are known; null without a service's own name or an instance: then it could be anybody's.
    """
    service = pl.col("service_name")
    instance = resource_attr(spans, "service.instance.id")
    place = pl.concat_str(
        resource_attr(spans, "host.name"), resource_attr(spans, "process.pid"), separator="/", ignore_nulls=True
    )
    own = service.is_not_null() & ~service.str.contains(_NAMELESS)
    told = pl.concat_str(service.fill_null(""), pl.coalesce(instance, place), separator="/")
    return pl.when(own | instance.is_not_null()).then(told).alias("process")
