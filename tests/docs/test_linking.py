"""The list of edge cases in docs/linking.md names a test for each, and the rules of links that there are."""

import ast
import re
from pathlib import Path

from tests.docs.test_examples import ROOT

PAGE = (ROOT / "docs" / "linking.md").read_text(encoding="utf-8")
CASES = re.findall(r"^\| (.+?) \| (.+?) \| `(test_\w+)` \|$", PAGE, re.MULTILINE)


def names_below(folder: Path, files: str = "test_*.py") -> set[str]:
    """Names of all test functions in these files below the folder."""
    found: set[str] = set()
    for path in folder.rglob(files):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return found


def test_every_case_names_a_test_that_exists() -> None:
    assert len(CASES) >= 35
    assert {test for _, _, test in CASES} <= names_below(ROOT / "tests")


def test_every_case_tested_by_its_number_is_in_the_list() -> None:
    listed = {int(number) for case, _, _ in CASES for number in re.findall(r"^\d+", case)}
    names = names_below(ROOT / "tests", "test_paid_edge_cases_*.py")
    named = {int(name.split("_")[1]) for name in names if re.match(r"test_\d\d_", name)}
    assert named <= listed


def test_the_numbers_that_are_missing_say_why() -> None:
    listed = {int(number) for case, _, _ in CASES for number in re.findall(r"^\d+", case)}
    module = (ROOT / "tests" / "marginlake" / "test_paid_edge_cases_scopes.py").read_text(encoding="utf-8")
    reasons = (ast.get_docstring(ast.parse(module)) or "").split("alone:")[1]
    excused = {int(number) for number in re.findall(r"\b\d{2}\b", reasons)}
    assert listed | excused == set(range(1, 31))
    assert listed & excused == set()


def test_every_rule_of_a_link_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \| (?:it |as )", PAGE, re.MULTILINE))
    source = (ROOT / "analytics" / "link.py").read_text(encoding="utf-8")
    rules = set(re.findall(r'rule=pl.lit\("(\w+)"\)', source))
    shared = rules - {"stated"}  # what an event states of its own cost is its alone
    assert explained == rules | {f"{rule}_split" for rule in shared}
