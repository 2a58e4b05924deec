"""`marginlake tokenizers`: rank files listed, downloaded ahead (from this machine, in tests), or brought as files."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pricing_tables.rank_files import RankFile
from tests.marginlake.conftest import Answer
from tests.pricing_tables.tiny_ranks import CONTENT, installed, tiny

Command = Callable[..., Answer]


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of a web server on this machine, and what it serves by path."""
    pages: dict[str, bytes] = {}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = pages.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", pages
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def registry(served: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> dict[str, RankFile]:
    """Two encodings whose rank files are tiny and come from the server on this machine."""
    other = RankFile("cl100k_base", served[0] + "other", "0" * 64, tiny("cl100k_base").build)
    known = {"o200k_base": tiny("o200k_base", served[0]), "cl100k_base": other}
    monkeypatch.setattr("pricing_tables.tokens.published", lambda: known)
    monkeypatch.setattr("marginlake.tokenizers.published", lambda: known)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    return known


def listed(cli: Command, data: Path) -> dict[str, tuple[str, str]]:
    lines = cli("tokenizers", "list", "--format", "csv", "--data", data).out.splitlines()
    return {row["encoding"]: (row["installed"], row["file"]) for row in csv.DictReader(lines)}


def test_fetching_ahead_of_time(cli: Command, tmp_path: Path, served: tuple[str, dict[str, bytes]]) -> None:
    assert listed(cli, tmp_path)["o200k_base"][0] == "false"
    served[1]["/o200k_base.tiktoken"] = CONTENT
    answer = cli("tokenizers", "fetch", "o200k_base", "--data", tmp_path)
    place = tmp_path / "tokenizers" / "o200k_base.tiktoken"
    assert (answer.code, answer.out) == (0, f"o200k_base: {place}\n")
    assert place.read_bytes() == CONTENT
    assert listed(cli, tmp_path)["o200k_base"] == ("true", str(place))
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_what_cannot_be_downloaded_is_one_line(
    cli: Command, tmp_path: Path, registry: dict[str, RankFile], served: tuple[str, dict[str, bytes]]
) -> None:
    answer = cli("tokenizers", "fetch", "o200k_base", "--data", tmp_path)
    assert answer.code == 1
    assert answer.complaint.startswith("o200k_base: cannot be downloaded from 127.0.0.1 (")
    assert answer.complaint.endswith("marginlake tokenizers fetch --from FILE")
    registry["o200k_base"] = tiny("o200k_base", "http://127.0.0.1:1/")  # nobody listens there
    answer = cli("tokenizers", "fetch", "o200k_base", "--data", tmp_path)
    assert answer.code == 1
    assert "cannot be downloaded from 127.0.0.1" in answer.complaint
    assert not (tmp_path / "tokenizers").exists()


def test_what_is_not_the_file_is_not_installed(
    cli: Command, tmp_path: Path, served: tuple[str, dict[str, bytes]]
) -> None:
    served[1]["/o200k_base.tiktoken"] = b"<html>sign in first</html>"
    answer = cli("tokenizers", "fetch", "o200k_base", "--data", tmp_path)
    assert answer.code == 1
    assert "what 127.0.0.1 sent is not the file that tiktoken names" in answer.complaint
    assert not (tmp_path / "tokenizers").exists()


@pytest.mark.parametrize("place", ["", "fb374d41"], ids=["folder", "file"])
def test_bringing_files_to_a_machine_without_network(cli: Command, tmp_path: Path, place: str) -> None:
    brought = tmp_path / "usb"
    brought.mkdir()
    (brought / "fb374d41").write_bytes(CONTENT)
    (brought / "readme").write_text("hello")
    answer = cli("tokenizers", "fetch", "--from", brought / place, "--data", tmp_path / "data")
    assert answer.code == 0
    assert listed(cli, tmp_path / "data")["o200k_base"][0] == "true"
    assert listed(cli, tmp_path / "data")["cl100k_base"] == ("false", "")


def test_bringing_the_wrong_files(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("hello")
    answer = cli("tokenizers", "fetch", "--from", tmp_path / "readme", "--data", tmp_path / "data")
    assert (answer.code, "no rank file that tiktoken publishes" in answer.complaint) == (1, True)
    answer = cli("tokenizers", "fetch", "--from", tmp_path / "nothing", "--data", tmp_path / "data")
    assert (answer.code, answer.complaint) == (1, f"{tmp_path / 'nothing'}: no such file or folder")
    (tmp_path / "ranks").write_bytes(CONTENT)
    answer = cli("tokenizers", "fetch", "cl100k_base", "--from", tmp_path, "--data", tmp_path / "data")
    assert (answer.code, "holds no rank file of cl100k_base" in answer.complaint) == (1, True)


def test_an_encoding_that_does_not_exist(cli: Command, tmp_path: Path) -> None:
    answer = cli("tokenizers", "fetch", "o300k", "--data", tmp_path)
    assert (answer.code, answer.complaint) == (1, "no encoding 'o300k'; there are: cl100k_base, o200k_base")


def test_rank_files_elsewhere_are_used_where_the_environment_says_so(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = installed(tmp_path / "shared")
    monkeypatch.setenv("MARGINLAKE_TOKENIZERS", str(shared.parent))
    assert listed(cli, tmp_path / "data")["o200k_base"] == ("true", str(shared))
    monkeypatch.delenv("MARGINLAKE_TOKENIZERS")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shared.parent))
    assert listed(cli, tmp_path / "data")["o200k_base"] == ("true", str(shared))


def test_a_damaged_file_is_listed_with_what_is_wrong(cli: Command, tmp_path: Path) -> None:
    installed(tmp_path / "tokenizers", content=CONTENT[:-9])
    there, why = listed(cli, tmp_path)["o200k_base"]
    assert (there, "its SHA-256 is another" in why) == ("false", True)


def test_the_environments_folder_is_no_unknown_setting(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGINLAKE_TOKENIZERS", str(tmp_path))
    recorded = Path(__file__).parents[1] / "data" / "dialects" / "traceloop-openai_stream_nousage.pb"
    assert cli("import", recorded, "--data", tmp_path / "data").code == 0
