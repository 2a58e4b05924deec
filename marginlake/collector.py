"""Python's garbage collector as a service wants it: it stops all threads, and what a start makes is never garbage."""

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 50)
"""New objects at which the youngest are looked through, and how often that goes before older ones are.

Hundreds of signals of one request are alive at the same time, and gone together by counting alone: looking for cycles
among them every 700 objects, as is the default, costs as much as reading them.
"""


def off_while_starting() -> None:
    """No collection until `settle_collector`: modules and routes make a million objects that stay."""
    gc.disable()


def settle_collector() -> None:
    """Leave everything that is there out of collections to come, and have those more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()
