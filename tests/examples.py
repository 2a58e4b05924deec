"""How many random examples a property is tried on: few in the suite, more in the longer kits."""

import os


def examples(usual: int) -> int:
    """`usual` many, times $TEST_EXAMPLES_TIMES (`make torture` sets it)."""
    return usual * int(os.environ.get("TEST_EXAMPLES_TIMES", "1"))
