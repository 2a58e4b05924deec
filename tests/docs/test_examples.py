"""What the documentation shows is run: every query, every command line, every settings file, every program."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

from lake.read import only_reads, query, reading
from lake.schema import VIEWS
from marginlake.cli import app, run

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


QUERIES = [(page.name, sql) for page in PAGES for sql in blocks(page, "sql") if page.name != "billing-sql.md"]
"""Those on the lake; `test_billing_sql` has a business for the others."""

NOT_IN_THE_DEMO = {f"{VIEWS[name].sql.strip()}\n" for name in ("reported_costs_daily", "unmapped_kinds")}
NOT_IN_THE_DEMO |= {*blocks(ROOT / "docs" / "alerts.md", "sql")}
"""Its traffic reports no costs of its own, all of it is understood, and it has no rules of alerts."""


def test_every_query_of_the_docs_answers(demo_lake: Path) -> None:
    assert len(QUERIES) >= 8
    with reading(demo_lake) as connection:
        for page, sql in QUERIES:
            only_reads(connection, sql)
            assert connection.execute(sql).fetchone() or sql in NOT_IN_THE_DEMO, f"{page}: no rows from {sql}"


def test_everything_adds_up_as_the_cookbook_asks(demo_lake: Path) -> None:
    sql = next(sql for page, sql in QUERIES if "adds_up" in sql)
    assert query(demo_lake, sql).item() is True


def test_the_readme_query_prints_what_the_readme_shows(
    demo_lake: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    readme = ROOT / "README.md"
    command = next(block for block in blocks(readme, "sh") if block.startswith("marginlake sql"))
    words = [str(demo_lake) if word == "marginlake-demo" else word for word in shlex.split(command)]
    assert run(words[1:]) == 0
    shown = next(block for block in blocks(readme, "text") if block.startswith("event_name"))
    printed = capfdbinary.readouterr().out.decode()
    assert [line.split("│")[0] for line in printed.splitlines()] == [line.split("│")[0] for line in shown.splitlines()]


def test_commands_named_in_the_docs_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"marginlake ([a-z]+)(?=[ `])", page.read_text("utf-8"))}
    commands = {name for name in app if not name.startswith("-")}
    assert {"serve", "import", "backfill", "revalue", "export"} <= commands
    assert commands <= named
    for name in commands:
        assert run([name, "--help"]) == 0


def test_python_examples_are_python() -> None:
    programs = [program for page in PAGES for program in blocks(page, "python")]
    assert programs
    for program in programs:
        ast.parse(program)


def test_json_bodies_in_shell_examples_are_json() -> None:
    bodies = re.findall(r"-d '(\{.*?\})'", (ROOT / "docs" / "signals.md").read_text(encoding="utf-8"), re.DOTALL)
    assert bodies
    for body in bodies:
        assert json.loads(body)["signals"]


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
