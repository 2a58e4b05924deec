"""The demo only ever empties a directory that a demo made."""

import json
import os
import subprocess
import sys
import tomllib

import pytest

from analytics.revenue_parse import parse_rules
from marginlake.demo.directory import MARKER, DemoDirectoryError, prepare


def test_a_fresh_directory_gets_the_configuration_and_the_marker(tmp_path):
    config = prepare(tmp_path / "demo")

    assert config == tmp_path / "demo" / "marginlake.toml"
    assert len(parse_rules(tomllib.loads(config.read_text())["revenue"])) >= 7
    assert (tmp_path / "demo" / MARKER).is_file()


def test_an_empty_directory_will_do(tmp_path):
    assert prepare(tmp_path).is_file()


def test_an_earlier_demo_is_replaced(tmp_path):
    prepare(tmp_path)
    (tmp_path / "data" / "main").mkdir(parents=True)
    (tmp_path / "data" / "main" / "old.parquet").write_text("old")
    (tmp_path / "catalog.sqlite").write_text("old")

    prepare(tmp_path)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == [MARKER, "marginlake.toml"]


def test_a_directory_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "catalog.sqlite").write_text("precious")

    with pytest.raises(DemoDirectoryError, match="did not make"):
        prepare(tmp_path)

    assert (tmp_path / "catalog.sqlite").read_text() == "precious"
    assert not (tmp_path / MARKER).exists()


def test_a_link_out_of_the_directory_is_removed_but_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("keep")
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "data").symlink_to(outside)

    prepare(tmp_path / "demo")

    assert (outside / "keep").is_file()
    assert not (tmp_path / "demo" / "data").exists()


def test_a_directory_that_is_being_served_is_left_alone(tmp_path):
    prepare(tmp_path)
    (tmp_path / "service.json").write_text(json.dumps({"pid": os.getpid()}))

    with pytest.raises(DemoDirectoryError, match=f"process {os.getpid()} is serving"):
        prepare(tmp_path)


def test_a_service_that_died_does_not_count(tmp_path):
    prepare(tmp_path)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / "service.json").write_text(json.dumps({"pid": int(gone.stdout)}))

    prepare(tmp_path)

    assert not (tmp_path / "service.json").exists()


def test_a_file_is_not_a_directory(tmp_path):
    (tmp_path / "demo").write_text("")

    with pytest.raises(DemoDirectoryError, match="not a directory"):
        prepare(tmp_path / "demo")
