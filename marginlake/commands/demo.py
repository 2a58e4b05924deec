"""`marginlake demo`: the whole loop on realistic traffic."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

DEFAULT_DEMO = Path("marginlake-demo")


def demo(
    *, data: Annotated[Path, Parameter(name="--data", help="Directory for the demo's lake; it stays.")] = DEFAULT_DEMO
) -> int:
    """Run the service on free loopback ports, send it a small AI product's traffic, print what it earns and costs."""
    from marginlake.demo.run import run_demo

    return run_demo(data, Console())
