"""Trees and groups as row numbers: the climbing that everything else rests on."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forest import ROW, below, connected, nearest_above, without_cycles

parents = st.integers(1, 12).flatmap(
    lambda size: st.lists(st.none() | st.integers(0, size - 1), min_size=size, max_size=size)
)


def climb(parent: list[int | None], row: int) -> list[int]:
    """The strict ancestors of a row, nearest first, until the root or the first repetition."""
    path: list[int] = []
    at = parent[row]
    while at is not None and at not in path:
        path.append(at)
        at = parent[at]
    return path


def series(values: list[int | None]) -> pl.Series:
    return pl.Series("up", values, dtype=ROW)


@settings(max_examples=80, deadline=None)
@given(parents)
def test_rings_are_cut_and_trees_left_alone(parent: list[int | None]) -> None:
    def ends(row: int) -> bool:
        path = climb(parent, row)
        return not path or parent[path[-1]] is None

    expected = [above if ends(row) else None for row, above in enumerate(parent)]
    assert without_cycles(series(parent)).to_list() == expected


@settings(max_examples=80, deadline=None)
@given(parents, st.data())
def test_sums_over_descendants_and_the_nearest_value_above(parent: list[int | None], data: st.DataObject) -> None:
    tree = without_cycles(series(parent))
    above = tree.to_list()
    values = data.draw(st.lists(st.none() | st.integers(0, 9), min_size=len(above), max_size=len(above)))
    own = pl.Series("own", values, dtype=pl.Int64)
    rows = range(len(above))
    sums = [sum(values[other] or 0 for other in rows if row in climb(above, other)) for row in rows]
    assert below(own.fill_null(0), tree).to_list() == sums
    nearest = [next((values[up] for up in climb(above, row) if values[up] is not None), None) for row in rows]
    assert nearest_above(own, tree).to_list() == nearest


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=15))
def test_rows_that_share_a_set_through_any_others_are_connected(pairs: list[tuple[int, int]]) -> None:
    label = connected(10, *(pl.Series(side, dtype=ROW) for side in map(list, zip(*pairs, strict=True))))
    groups = [{row} for row in range(10)]
    for row, where in pairs:
        for other, place in pairs:
            if where == place and groups[row] is not groups[other]:
                merged = groups[row] | groups[other]
                for member in merged:
                    groups[member] = merged
    assert all((label[a] == label[b]) == (b in groups[a]) for a in range(10) for b in range(10))


def test_a_long_chain_of_sets_is_connected_in_a_few_rounds() -> None:
    links = 50_000
    members = pl.int_range(links, dtype=ROW, eager=True)
    chain = pl.concat([members, members + 1])
    assert connected(links + 1, chain, pl.concat([members, members])).n_unique() == 1
