"""The page on in-house wrappers is carried out: its span is sent, found, mapped and read again, as the page shows."""

import shlex
from pathlib import Path

import pytest

from marginlake.cli import run
from receiver.dialects.custom import DETECT_KEYS, FIELDS, SECTION_KEYS
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "custom-dialects.md"


def test_from_an_unmapped_span_to_its_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrapper.json").write_text(blocks(PAGE, "json")[0])
    (section,) = blocks(PAGE, "toml")
    commands, answers = blocks(PAGE, "sh"), blocks(PAGE, "text")
    assert len(commands) == len(answers) == 2
    for number in range(2):
        for line in commands[number].splitlines():
            assert run(shlex.split(line)[1:]) == 0
        assert capfdbinary.readouterr().out.decode() == answers[number]
        (tmp_path / "acme-data" / "marginlake.toml").write_text(section)


def test_every_key_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [key for key in (*SECTION_KEYS, *DETECT_KEYS, *FIELDS) if f"`{key}`" not in page] == []
