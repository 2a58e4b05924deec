"""How many spans a sampled span stands for."""

import polars as pl
import pytest

from receiver.sampling import sampling_weight


def weight(trace_state: str | None) -> float | None:
    frame = pl.DataFrame({"trace_state": [trace_state]}, schema={"trace_state": pl.String})
    return frame.select(sampling_weight(pl.col("trace_state"))).item()


@pytest.mark.parametrize(
    ("trace_state", "expected"),
    [
        ("ot=th:0", 1.0),
        ("ot=th:8", 2.0),
        ("ot=th:c", 4.0),
        ("ot=th:fd70a", 2**20 / (2**20 - 0xFD70A)),
        ("ot=rv:abcdef01234567;th:8", 2.0),
        ("ot=th:8;rv:abcdef01234567", 2.0),
        ("vendor=x:y, ot=th:8,other=1", 2.0),
        ("ot=th:ffffffffffffff", 2.0**56),
    ],
)
def test_the_weight_is_the_inverse_of_the_probability(trace_state, expected):
    assert weight(trace_state) == pytest.approx(expected)


@pytest.mark.parametrize(
    "trace_state",
    [None, "", "vendor=th:8", "not=th:8", "ot=rv:8", "ot=th:", "ot=th:xyz", "ot=th:8000000000000000", "ot=p:8"],
)
def test_without_a_valid_threshold_the_weight_is_unknown(trace_state):
    assert weight(trace_state) is None
