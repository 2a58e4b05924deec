"""Counting tokens with rank files that are there, and saying so when they are not."""

import hashlib
from pathlib import Path

import pytest

from pricing_tables.rank_files import RankFileError, find, load, published, ranks_in, recognise, same_ranks
from pricing_tables.tokens import PIECE, Tokenizers, encoding_for
from tests.pricing_tables.tiny_ranks import CONTENT, REGISTRY, installed, tiny


def test_tokens_are_counted_with_the_file_that_is_there(tmp_path: Path) -> None:
    installed(tmp_path)
    tokenizers = Tokenizers([tmp_path / "nowhere", tmp_path], REGISTRY)
    assert tokenizers.available("o200k_base")
    assert tokenizers.count("o200k_base", ["ping", "the cat", "", "<|end|>"]) == [4, 4, 0, 7]


def test_without_the_file_nothing_is_counted_and_nothing_fetched(tmp_path: Path) -> None:
    tokenizers = Tokenizers([tmp_path], REGISTRY)
    assert not tokenizers.available("o200k_base")
    assert not tokenizers.available("of another age")
    with pytest.raises(KeyError):
        tokenizers.count("o200k_base", ["ping"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_comes_later_is_seen(tmp_path: Path) -> None:
    tokenizers = Tokenizers([tmp_path], REGISTRY)
    assert not tokenizers.available("o200k_base")
    installed(tmp_path)
    assert tokenizers.available("o200k_base")


def test_half_a_file_is_not_used_until_it_is_whole(tmp_path: Path) -> None:
    path = installed(tmp_path, content=CONTENT[:-20])
    tokenizers = Tokenizers([tmp_path], REGISTRY)
    assert [tokenizers.available("o200k_base") for _ in range(2)] == [False, False]
    assert tokenizers.damage["o200k_base"] == f"{path}: not the rank file of o200k_base (its SHA-256 is another)"
    installed(tmp_path)
    assert tokenizers.available("o200k_base")
    assert tokenizers.damage == {}


def test_the_cache_of_tiktoken_serves_as_well(tmp_path: Path) -> None:
    rank_file = REGISTRY["o200k_base"]
    cached = tmp_path / hashlib.sha1(rank_file.url.encode()).hexdigest()
    cached.write_bytes(CONTENT)
    assert find(rank_file, [tmp_path]) == cached
    assert Tokenizers([tmp_path], REGISTRY).count("o200k_base", ["ping"]) == [4]


def test_a_long_text_is_counted_whole(tmp_path: Path) -> None:
    installed(tmp_path)
    tokenizers = Tokenizers([tmp_path], REGISTRY)
    texts = ["a" * (3 * PIECE + 7), "b", "c" * PIECE]
    assert tokenizers.count("o200k_base", texts) == [3 * PIECE + 7, 1, PIECE]


def test_what_tiktoken_publishes_is_known_without_a_download() -> None:
    known = published()
    assert {"r50k_base", "p50k_base", "cl100k_base", "o200k_base"} <= set(known)
    assert all(len(bytes.fromhex(rank_file.sha256)) == 32 for rank_file in known.values())
    assert all(rank_file.file_names[0] == f"{name}.tiktoken" for name, rank_file in known.items())
    assert len({rank_file.sha256 for rank_file in known.values()}) == len(known)


def test_encodings_that_share_their_ranks_are_one() -> None:
    assert {name: same_ranks()[name] for name in ("o200k_harmony", "p50k_edit", "gpt2", "cl100k_base")} == {
        "o200k_harmony": "o200k_base",
        "p50k_edit": "p50k_base",
        "gpt2": "r50k_base",
        "cl100k_base": "cl100k_base",
    }


def test_a_file_of_other_content_is_refused_by_its_hash(tmp_path: Path) -> None:
    other = tmp_path / "o200k_base.tiktoken"
    other.write_bytes(CONTENT)
    with pytest.raises(RankFileError, match="not the rank file of o200k_base"):
        load(published()["o200k_base"], other)


def test_files_are_recognised_by_content_whatever_their_name(tmp_path: Path) -> None:
    (tmp_path / "downloaded (1)").write_bytes(CONTENT)
    (tmp_path / "notes.txt").write_bytes(b"nothing")
    found = recognise(sorted(tmp_path.iterdir()), REGISTRY)
    assert found == {"o200k_base": (tmp_path / "downloaded (1)", CONTENT)}


def test_what_is_no_rank_file_is_said_to_be_none() -> None:
    assert ranks_in(b"YQ== 0\n\nYmI= 1\n") == {b"a": 0, b"bb": 1}
    with pytest.raises(RankFileError):
        ranks_in(b"<html>not found</html>\n")
    with pytest.raises(RankFileError):
        ranks_in(b"YQ== one\n")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5-mini-2025-08-07", ("o200k_base", True)),
        ("openai/gpt-4o", ("o200k_base", True)),
        ("gpt-4-0613", ("cl100k_base", True)),
        ("ft:gpt-3.5-turbo:acme::1", ("cl100k_base", True)),
        ("text-embedding-3-small", ("cl100k_base", True)),
        ("gpt-oss-120b", ("o200k_base", True)),
        ("claude-sonnet-4-5", ("o200k_base", False)),
        ("my-deployment", ("o200k_base", False)),
        (None, ("o200k_base", False)),
    ],
)
def test_a_models_encoding(model: str | None, expected: tuple[str, bool]) -> None:
    assert encoding_for(model) == expected


def test_a_rank_file_knows_its_own() -> None:
    assert tiny("x").is_whole(CONTENT)
    assert not tiny("x").is_whole(CONTENT + b"\n")
