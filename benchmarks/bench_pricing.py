"""`make bench`: how many calls a second get their exact price, beside per-call libraries and a bare hash join.

All of them price the same generated calls in one run. Prints a table in Markdown and writes
`benchmarks/results/pricing.json`. Exit code 1 when, under the prices of genai-prices alone, a cost differs from that
library's exact decimal, or, with `--floor`, when fewer calls a second are priced than that.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks import machine
from benchmarks.model_calls import MODELS, model_calls
from pricing_tables.catalog import Catalog, load_catalog, write_catalog
from pricing_tables.importers.genai_prices import import_genai_prices
from pricing_tables.price import price_calls

RESULTS = Path(__file__).parent / "results" / "pricing.json"
ROOT = Path(__file__).resolve().parent.parent
LITELLM_PYTHON = ROOT / ".venv-litellm" / "bin" / "python"
LITELLM = "litellm==1.109.1"
FLOOR_CALLS_PER_SECOND = 3_000_000
_BATCHES = (10_000, 100_000, 1_000_000)
_MOST_ROUNDS, _LEAST_ROUNDS = 30, 3


def main() -> int:
    """Measure, print, write the results file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench_pricing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="time for each batch size, at most")
    parser.add_argument("--limit-seconds", type=float, default=5.0, help="time for the bare join")
    parser.add_argument("--sample", type=int, default=5_000, help="calls that the per-call libraries price")
    parser.add_argument("--floor", type=float, help="fail when fewer calls a second are priced")
    parser.add_argument("--litellm-python", type=Path, default=LITELLM_PYTHON, help=f"a Python that has {LITELLM}")
    options, _ = parser.parse_known_args()
    catalog = load_catalog()
    calls = model_calls(max(_BATCHES))
    ours = {}
    for batch in _BATCHES:
        part = calls.gather_every(calls.height // batch).head(batch)
        ours[batch] = batch / _seconds(lambda part=part: price_calls(part, catalog), options.seconds / 5)
    bare = calls.height / _seconds(_bare_join(calls, catalog), options.limit_seconds)
    sample = calls.gather_every(max(1, calls.height // options.sample)).head(options.sample)
    rows = price_calls(sample, catalog).to_dicts()
    by_her_book = price_calls(sample, _genai_book()).to_dicts()
    genai_rate, genai = _genai_prices(rows)
    litellm_rate, litellm = _litellm(rows, options.litellm_python)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.describe(),
        "models": len(MODELS),
        "calls_per_second": {str(batch): round(rate) for batch, rate in ours.items()},
        "bare_join_calls_per_second": round(bare),
        "genai_prices_calls_per_second": round(genai_rate),
        "litellm_calls_per_second": None if litellm_rate is None else round(litellm_rate),
        "sample": len(rows),
        "genai_prices_same_book": _compare(by_her_book, genai),
        "genai_prices": _compare(rows, genai),
        "litellm": None if litellm is None else _compare(rows, litellm),
    }
    _print(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    slow = options.floor is not None and max(ours.values()) < options.floor
    return 1 if slow or result["genai_prices_same_book"]["different"] else 0


def _seconds(work: Callable[[], object], budget: float) -> float:
    """Median seconds of several rounds, after one to warm up."""
    work()
    took: list[float] = []
    while len(took) < _LEAST_ROUNDS or (sum(took) < budget and len(took) < _MOST_ROUNDS):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return median(took)


def _bare_join(calls: pl.DataFrame, catalog: Catalog) -> Callable[[], pl.DataFrame]:
    """The least that pricing by names can be: one hash join and whole-number products, without any of the rules."""
    names = ["provider", "request_model", "response_model"]
    known = price_calls(calls.unique(names), catalog).drop_nulls("rate_id")
    rates = catalog.cards.cells.select("rate_id", "p_input", "p_cache_read", "p_output").unique("rate_id")
    table = known.select(*names, "rate_id").join(rates, on="rate_id")

    def join() -> pl.DataFrame:
        read = pl.col("cache_read_tokens").fill_null(0)
        fresh = (pl.col("input_tokens") - read) * pl.col("p_input")
        return calls.join(table, on=names, how="left", nulls_equal=True, maintain_order="left").select(
            "rate_id", cost=fresh + read * pl.col("p_cache_read") + pl.col("output_tokens") * pl.col("p_output")
        )

    return join


def _genai_book() -> Catalog:
    """A catalog of nothing but what the installed genai-prices says."""
    with tempfile.TemporaryDirectory() as folder:
        return write_catalog(import_genai_prices(), Path(folder))


def _genai_prices(rows: list[dict[str, Any]]) -> tuple[float, list[Decimal | None]]:
    """Calls per second and costs of genai-prices' own engine, call by call."""
    from genai_prices import Usage, calc_price

    costs: list[Decimal | None] = []
    begun = time.perf_counter()
    for row in rows:
        short, long = row["cache_write_5m_tokens"] or 0, row["cache_write_1h_tokens"] or 0
        usage = Usage(
            input_tokens=row["input_tokens"],
            cache_read_tokens=row["cache_read_tokens"],
            cache_write_tokens=short + long,
            cache_write_5m_tokens=short,
            cache_write_1h_tokens=long,
            output_tokens=row["output_tokens"],
        )
        special = {"processing": "batch"} if row["batch"] else {"service_tier": row["service_tier"]}
        try:
            price = calc_price(
                usage,
                row["response_model"] or row["request_model"],
                provider_id=row["provider"],
                genai_request_timestamp=row["occurred_at"],
                price_context={key: value for key, value in special.items() if value},
            )
            costs.append(price.total_price)
        except LookupError:
            costs.append(None)
    return len(rows) / (time.perf_counter() - begun), costs


def _litellm(rows: list[dict[str, Any]], python: Path) -> tuple[float | None, list[Decimal | None] | None]:
    """The same by LiteLLM, which has an environment of its own; None where there is none."""
    if not python.exists():
        print(
            f"LiteLLM is not compared: no {python.name} with it (make bench, or pip install {LITELLM})", file=sys.stderr
        )
        return None, None
    calls = [
        {
            "provider": row["provider"],
            "model": row["response_model"] or row["request_model"],
            "input": row["input_tokens"],
            "output": row["output_tokens"],
            "read": row["cache_read_tokens"] or 0,
            "written": (row["cache_write_5m_tokens"] or 0) + (row["cache_write_1h_tokens"] or 0),
            "tier": "batch" if row["batch"] else row["service_tier"],
        }
        for row in rows
    ]
    worker = Path(__file__).with_name("litellm_worker.py")
    done = subprocess.run(
        [str(python), str(worker)], input=json.dumps(calls), capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"LiteLLM's prices failed: {done.stderr.strip()[-500:]}")
    answer = json.loads(done.stdout)
    return len(rows) / answer["seconds"], [cost and Decimal(cost) for cost in answer["costs"]]


def _compare(rows: list[dict[str, Any]], theirs: list[Decimal | None]) -> dict[str, int]:
    """How many costs are the same decimal, how many nearly so (to the picodollar: what floats make of it), how many
    differ, and how many only one side has."""
    found = dict.fromkeys(("equal", "nearly", "different", "neither", "only_ours", "only_theirs"), 0)
    for row, cost in zip(rows, theirs, strict=True):
        own = row["cost_usd"]
        if own is None or cost is None:
            found["neither" if own is cost else "only_theirs" if own is None else "only_ours"] += 1
        else:
            near = abs(own - cost) < Decimal("1e-12")
            found["equal" if own == cost else "nearly" if near else "different"] += 1
    return found


def _print(result: dict[str, Any]) -> None:
    from benchmarks.table import print_rows

    described = result["machine"]
    print(
        f"{result['date']} · {described['cpu']}, {described['cores']} cores · {described['system']} · "
        f"Python {described['python']}, Polars {described['polars']}\n"
    )
    litellm, sample = result["litellm_calls_per_second"], f"per call, {result['sample']:,} of the same"
    print_rows(
        [
            (f"prices of calls of {result['models']} models", "calls/s"),
            ("---", "---:"),
            *(
                (f"**marginlake**, exact decimals, batches of {int(batch):,}", f"**{rate:,}**")
                for batch, rate in result["calls_per_second"].items()
            ),
            ("limit: one hash join and integer products, no rules", f"{result['bare_join_calls_per_second']:,}"),
            (f"genai-prices, {sample}", f"{result['genai_prices_calls_per_second']:,}"),
            (f"LiteLLM (floats), {sample}", "not installed" if litellm is None else f"{litellm:,}"),
        ]
    )
    compared_with = {
        "genai-prices, both by its prices alone": result["genai_prices_same_book"],
        "genai-prices, we by the shipped catalog": result["genai_prices"],
        "LiteLLM, we by the shipped catalog": result["litellm"],
    }
    for name, compared in compared_with.items():
        if compared is not None:
            print(
                f"{name}: {compared['equal']:,} of {result['sample']:,} costs are the same decimal, "
                f"{compared['nearly']:,} but for digits below a picodollar, {compared['different']:,} differ, "
                f"{compared['neither']:,} are unknown to both, {compared['only_ours']:,} only here, "
                f"{compared['only_theirs']:,} only there."
            )
    best = max(result["calls_per_second"].values())
    print(f"Floor: {FLOOR_CALLS_PER_SECOND:,} calls/s {'met' if best >= FLOOR_CALLS_PER_SECOND else 'MISSED'}.")


if __name__ == "__main__":
    sys.exit(main())
