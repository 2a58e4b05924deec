"""The command line as a person meets it: exit codes, one line of complaint, never a traceback."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lake import migrate
from lake.connect import Lake
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import DATA, as_toml, tables_of

Cli = Callable[..., Answer]
CAPTURE = DATA / "dialects" / "openinference-langchain_agent.pb"
COMMANDS = [
    "serve", "demo", "sql", "import", "backfill", "relink", "reprice", "revalue", "rollup", "doctor", "maintain",
    "keys", "keys create", "keys list", "keys revoke",
    "prices", "prices list", "prices show", "prices quote", "prices import", "prices diff", "revenue", "revenue list",
    "revenue check", "alerts", "alerts check", "alerts list", "whatif", "export", "export focus", "export parquet",
    "export csv", "export duckdb", "reconcile", "dashboards", "dashboards grafana", "dashboards datadog",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, cli: Cli) -> None:
    answer = cli(*command.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    assert f"Usage: marginlake {command}" in answer.out


@pytest.mark.parametrize("line", ["", "--help", "-h"])
def test_alone_it_shows_what_there_is_and_what_each_is_for(line: str, process: Callable[..., Answer]) -> None:
    answer = process(*line.split())
    assert (answer.code, answer.err) == (0, "")
    for name in {command.split()[0] for command in COMMANDS}:
        assert re.search(rf"^. {name} +\w", answer.out, re.MULTILINE), name


def test_a_command_loads_what_it_needs_and_no_more(lake_dir: Path) -> None:
    """The version is said at once, and a question is not kept waiting by what prices and services need."""
    heavy = {"polars", "duckdb", "pyarrow", "pydantic", "grpc", "numba", "prometheus_client", "marginlake.commands"}
    assert loaded_by("--version").isdisjoint(heavy)
    asked = loaded_by("sql", "SELECT 1", "--data", str(lake_dir))
    assert asked.isdisjoint({"pydantic", "grpc", "numba", "prometheus_client", "analytics", "pricing_tables"})


def loaded_by(*line: str) -> set[str]:
    """The modules that a command line has loaded when it is done."""
    given = (
        f"import sys; sys.path.insert(0, ''); from marginlake.cli import run; run({list(line)}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", given], capture_output=True, check=True)
    return set(done.stdout.decode().splitlines()[-1].split())


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("servee", 'Unknown command "servee". Did you mean "serve"?'),
            ("serve --datta x", "Unknown option: --datta. Did you mean --data?"),
            ("sql", 'Command "sql" parameter QUERY requires an argument.'),
            ("sql SELECT-1 --format xml", 'Invalid value "xml" for --format.'),
            ("prices lost", 'Unknown command "lost".'),
            ("prices list --at noon", "'noon' is not a time; write 2026-11-23 or 2026-11-23T10:00:00Z"),
            ("relink --from yesterday", "'yesterday' is not a time"),
            ("relink --from 2026-02-01 --to 2026-01-01", "--from must be before --to"),
            ("sql --fromat", "Unknown option: --fromat."),
            ("prices quote --catalogue=x", "Unknown option: --catalogue=x."),
            ("import", "name at least one file to import"),
        ],
    )
    def test_exits_2_and_says_what_to_try(self, line: str, told: str, cli: Cli) -> None:
        answer = cli(*line.split())
        assert (answer.code, answer.out) == (2, "")
        assert answer.complaint.startswith(told)
        assert answer.complaint.endswith("(try: marginlake --help)")


class TestFailures:
    @pytest.mark.parametrize("command", [("sql", "SELECT 1"), ("relink",), ("maintain",)])
    def test_no_lake(self, command: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
        answer = cli(*command, "--data", tmp_path / "nowhere")
        assert answer.code == 1
        assert answer.complaint.startswith(f"no lake at {tmp_path / 'nowhere'}: run `marginlake serve`")
        assert not (tmp_path / "nowhere").exists()

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
            ("SELECT * FROM cost", "Catalog Error: Table with name cost does not exist!"),
            ("DELETE FROM costs", "only queries are allowed here, not DELETE"),
            ("DROP TABLE costs", "only queries are allowed here, not DROP"),
            ("COPY costs TO '/tmp/x.csv'", "only queries are allowed here, not COPY"),
            ("SELECT * FROM read_text('/etc/passwd')", "Permission Error"),
            ("SELECT 1; SELECT 2", "give one query, not 2"),
            ("", "give one query, not 0"),
        ],
    )
    def test_a_query_that_is_wrong_or_writes(self, query: str, told: str, cli: Cli, lake_dir: Path) -> None:
        answer = cli("sql", query, "--data", lake_dir)
        assert (answer.code, answer.out) == (1, "")
        assert answer.complaint.startswith(told)

    def test_files_to_import(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello")
        data = ("--data", tmp_path / "lake")
        assert cli("import", tmp_path / "gone.pb", *data).complaint == f"{tmp_path / 'gone.pb'}: no such file"
        assert cli("import", tmp_path, *data).complaint.startswith(f"{tmp_path}: no file in it ends in .pb, ")
        answer = cli("import", tmp_path / "notes.txt", *data)
        assert answer.code == 1
        assert answer.complaint.startswith(f"{tmp_path / 'notes.txt'}: byte 0: this is not OTLP traces")
        assert cli("import", CAPTURE, "--data", tmp_path / "notes.txt").complaint.startswith("cannot make a lake at")

    def test_a_file_of_which_a_part_is_broken_is_imported_as_far_as_it_goes(self, cli: Cli, tmp_path: Path) -> None:
        lines = [path.read_text() for path in sorted((DATA / "paid" / "node").glob("*.json"))[:2]]
        (tmp_path / "some.jsonl").write_text(f'{lines[0]}\n{{"resourceSpans": 3}}\n{lines[1]}\n')
        answer = cli("import", tmp_path / "some.jsonl", "--data", tmp_path / "lake")
        assert answer.code == 1
        assert answer.err.splitlines()[-1] == (
            "marginlake: 1 requests could not be read; the table rejected says which and why"
        )
        landed = tables_of(tmp_path / "lake")
        assert landed["spans"].height >= 2
        assert landed["rejected"]["reason"].to_list() == ["unreadable_payload"]

    def test_settings(self, cli: Cli, tmp_path: Path, lake_dir: Path) -> None:
        (tmp_path / "bad.toml").write_text("[commit")
        answer = cli("relink", "--data", lake_dir, "--config", tmp_path / "bad.toml")
        assert answer.code == 1
        assert answer.complaint.startswith(f"{tmp_path / 'bad.toml'}: Expected ']'")
        answer = cli("serve", "--data", tmp_path, "--config", tmp_path / "gone.toml")
        assert answer.complaint == f"{tmp_path / 'gone.toml'}: no such configuration file"

    def test_an_output_that_cannot_be_written(self, cli: Cli, tmp_path: Path, lake_dir: Path) -> None:
        answer = cli("sql", "SELECT 1", "--data", lake_dir, "--out", tmp_path / "gone" / "x")
        assert (answer.code, answer.complaint) == (1, f"{tmp_path / 'gone' / 'x'}: No such file or directory")

    @pytest.mark.parametrize(("taken", "protocol"), [("--grpc", "OTLP/gRPC"), ("--http", "OTLP/HTTP")])
    def test_a_port_in_use(self, taken: str, protocol: str, process: Cli, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            free = "--http" if taken == "--grpc" else "--grpc"
            answer = process("serve", "--data", tmp_path, taken, address, free, "127.0.0.1:0")
        assert answer.code == 1
        assert answer.complaint == f"cannot listen on {address} for {protocol}: Address already in use"

    def test_an_address_that_is_none(self, cli: Cli, tmp_path: Path) -> None:
        answer = cli("serve", "--data", tmp_path, "--grpc", "here")
        assert (answer.code, answer.complaint) == (
            1, "'here' is not an address; write HOST:PORT, like 127.0.0.1:4318",
        )  # fmt: skip

    def test_what_nobody_foresaw_is_one_line_too(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, lake_dir: Path
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a\nb")

        monkeypatch.setattr("lake.read.query", broken)
        answer = cli("sql", "SELECT 1", "--data", lake_dir)
        assert (answer.code, answer.complaint) == (
            1, "unexpected ZeroDivisionError: a b (MARGINLAKE_DEBUG=1 shows where)",
        )  # fmt: skip
        monkeypatch.setenv("MARGINLAKE_DEBUG", "1")
        assert "Traceback" in cli("sql", "SELECT 1", "--data", lake_dir).err


class TestImport:
    def test_twice_changes_nothing(self, cli: Cli, tmp_path: Path) -> None:
        data = tmp_path / "lake"
        first = cli("import", CAPTURE, "--data", data)
        assert (first.code, first.err) == (0, "")
        assert " new spans, 0 new signals, 0 known, 0 rejected" in first.out
        before = tables_of(data)
        again = cli("import", CAPTURE, "--data", data)
        assert ": 0 new spans, 0 new signals, " in again.out
        assert all(rows.equals(before[name]) for name, rows in tables_of(data).items())

    def test_revenue_rules_stay_in_the_lake(self, cli: Cli, tmp_path: Path) -> None:
        """With a file they are adopted, and later imports and relinks without one use them."""
        data, file = tmp_path / "lake", tmp_path / "settings.toml"
        file.write_text(as_toml())
        cli("import", CAPTURE, "--data", data, "--config", file)
        signals = next((DATA / "paid" / "python").glob("072*.pb"))
        assert cli("import", signals, "--data", data).code == 0
        revenue = "SELECT DISTINCT revenue_rule, revenue_usd FROM event_margins WHERE revenue_usd IS NOT NULL"
        earned = json.loads(cli("sql", revenue, "--data", data, "--format", "json").out)
        assert earned
        assert cli("relink", "--data", data).out == (
            "changed: 0 costs, 0 cost_links, 0 event_margins, 0 spans, 0 signals\n"
        )


class TestDoctor:
    def test_a_sound_lake(self, cli: Cli, lake_dir: Path) -> None:
        answer = cli("doctor", "--data", lake_dir)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.endswith("all well\n")
        for check in ("conservation", "no_duplicates", "priced_has_rate", "coverage", "disk", "clock"):
            assert f" {check}: " in answer.out

    def test_a_broken_invariant(self, cli: Cli, tmp_path: Path) -> None:
        captured_lake(tmp_path)
        with Lake.open(tmp_path) as lake, lake.transaction() as tx:
            tx.delete("cost_links", tx.read("SELECT cost_id, signal_id FROM cost_links WHERE cost_usd > 0 LIMIT 1"))
        answer = cli("doctor", "--data", tmp_path)
        assert answer.code == 1
        assert "FAIL  margins_match_links: " in answer.out
        assert answer.out.endswith("1 checks failed\n")
        file = tmp_path / "marginlake.toml"
        file.write_text(as_toml())
        assert cli("relink", "--data", tmp_path, "--dry-run").out.startswith("would change: 0 costs, 1 cost_links")
        assert cli("relink", "--data", tmp_path).out.startswith("changed: 0 costs, 1 cost_links, 1 event_margins")
        assert cli("doctor", "--data", tmp_path).code == 0

    @pytest.mark.usefixtures("migrations_run")
    def test_a_lake_of_an_older_version_says_how_to_go_on(
        self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = migrate.known_migrations()[:1]
        with monkeypatch.context() as patch:
            patch.setattr(migrate, "known_migrations", lambda: first)
            Lake.open(tmp_path).close()
        answer = cli("doctor", "--data", tmp_path)
        assert answer.code == 1
        assert f"FAIL  schema: written by an older marginlake; `marginlake maintain --data {tmp_path}`" in answer.out
        assert cli("maintain", "--data", tmp_path).code == 0
        assert cli("doctor", "--data", tmp_path).code == 0

    def test_no_lake_is_a_failed_check(self, cli: Cli, tmp_path: Path) -> None:
        answer = cli("doctor", "--data", tmp_path / "nowhere")
        assert answer.code == 1
        assert f"FAIL  lake: no lake at {tmp_path / 'nowhere'}" in answer.out


def test_a_reader_that_goes_away_is_no_failure_to_talk_about(lake_dir: Path) -> None:
    query = "SELECT repeat('x', 1000) FROM range(20000)"
    command = [sys.executable, "-m", "marginlake", "sql", query, "--data", str(lake_dir), "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) in (0, 1)
