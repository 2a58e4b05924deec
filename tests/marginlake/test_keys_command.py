"""`marginlake keys`: make, list and revoke, beside a running service or before there is one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.database import Database, url_in
from billing.keys.gate import Gate
from tests.marginlake.conftest import Answer

Cli = Callable[..., Answer]


def test_a_key_is_printed_once_and_opens_the_door(tmp_path: Path, cli: Cli):
    answer = cli("keys", "create", "checkout exporter", "--scope", "ingest", "--data", tmp_path / "new")

    assert answer.code == 0
    token = answer.out.strip()
    assert answer.err == "a key for checkout exporter (ingest); it is not shown again\n"
    database = Database(url_in(tmp_path / "new"))
    found = Gate(database).principal(f"Bearer {token}", None)
    database.close()
    assert found is not None
    assert found.scopes == {"ingest"}

    listed = json.loads(cli("keys", "list", "--format", "json", "--data", tmp_path / "new").out)
    assert [(key["name"], key["ends_in"], key["scopes"]) for key in listed] == [
        ("checkout exporter", f"…{token[-4:]}", "ingest")
    ]


def test_a_revoked_key_stays_in_the_list(tmp_path: Path, cli: Cli):
    cli("keys", "create", "old", "--data", tmp_path)
    key = json.loads(cli("keys", "list", "--format", "json", "--data", tmp_path).out)[0]

    answer = cli("keys", "revoke", key["id"], "--data", tmp_path)

    assert (answer.code, answer.out) == (0, f"revoked {key['id']} (old)\n")
    after = json.loads(cli("keys", "list", "--format", "json", "--data", tmp_path).out)
    assert after[0]["revoked_at"] is not None
    assert key["scopes"] == "ingest, read, write"


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        (("create", "x", "--scope", "everything"), 2, "--scope: 'everything' is none of ingest, read, write, admin"),
        (("create", "x", "--expires", "2020-01-01"), 2, "--expires must be in the future"),
        (("revoke", "key_none"), 1, "no key 'key_none' (try: marginlake keys list)"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, cli: Cli, line: tuple[str, ...], code: int, complaint: str):
    answer = cli("keys", *line, "--data", tmp_path)

    assert answer.code == code
    assert answer.complaint.startswith(complaint)
