"""Settings: where they come from, who wins, and what is said when they are wrong."""

import re
import tomllib
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from analytics.revenue_parse import parse_rules
from marginlake.config import Config, ConfigError, load, parse_time
from marginlake.rules import rules_from

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a configuration file of its own."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def interval(data_dir: Path, explicit: Path | None = None) -> float:
    return load(explicit, data_dir).commit.interval_seconds


def write(path: Path, seconds: float) -> Path:
    path.write_text(f"[commit]\ninterval_seconds = {seconds}\n")
    return path


class TestWhereItComesFrom:
    def test_nothing_said_is_the_defaults(self, data_dir: Path) -> None:
        assert load(None, data_dir) == Config()

    def test_the_file_named_then_the_variable_then_the_data_directory_then_here(
        self, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(Path("marginlake.toml"), 5)
        assert interval(data_dir) == 5
        write(data_dir / "marginlake.toml", 4)
        assert interval(data_dir) == 4
        monkeypatch.setenv("MARGINLAKE_CONFIG", str(write(tmp_path / "named.toml", 3)))
        assert interval(data_dir) == 3
        assert interval(data_dir, write(tmp_path / "explicit.toml", 2)) == 2

    def test_the_environment_beats_the_file_key_by_key(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (data_dir / "marginlake.toml").write_text("[commit]\ninterval_seconds = 4\nmax_batch_mib = 8\n")
        monkeypatch.setenv("MARGINLAKE_COMMIT__INTERVAL_SECONDS", "0.25")
        monkeypatch.setenv("MARGINLAKE_IDENTITY__CUSTOMER", '["tenant"]')
        monkeypatch.setenv("MARGINLAKE_CAPTURE_CONTENT", "true")
        settings = load(None, data_dir)
        assert (settings.commit.interval_seconds, settings.commit.max_batch_mib) == (0.25, 8)
        assert settings.identity.customer == ("tenant",)
        assert settings.capture_content

    def test_a_file_that_was_named_must_exist(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigError, match=r"^nowhere\.toml: no such configuration file$"):
            load(Path("nowhere.toml"), data_dir)
        monkeypatch.setenv("MARGINLAKE_CONFIG", "gone.toml")
        with pytest.raises(ConfigError, match=r"^gone\.toml: no such"):
            load(None, data_dir)


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("[commit]\nintervall_seconds = 1", "commit.intervall_seconds: unknown key"),
            ("[comit]\ninterval_seconds = 1", "comit: unknown key"),
            ("[commit]\ninterval_seconds = 0", "commit.interval_seconds: Input should be greater than 0"),
            ("[receiver]\ngrpc_workers = 'many'", "receiver.grpc_workers: Input should be a valid integer"),
            ("[pricing]\ntrust_reported = 'always'", "pricing.trust_reported: Input should be 'never', 'fallback' or"),
            ("revenue = 3", "revenue: Input should be a valid tuple"),
            ("dialects = 3", "dialects: Input should be a valid dictionary"),
            ("[dialects]\nacme = 3", "dialects.acme: Input should be a valid dictionary"),
            ("[commit", "Expected ']'"),
            ("\x00", "Invalid"),
        ],
    )
    def test_one_line_names_the_file_and_the_key(self, content: str, told: str, data_dir: Path) -> None:
        file = data_dir / "marginlake.toml"
        file.write_text(content)
        with pytest.raises(ConfigError, match="^" + re.escape(f"{file}: {told}")) as failure:
            load(None, data_dir)
        assert "\n" not in str(failure.value)

    @pytest.mark.parametrize(
        ("variable", "value", "told"),
        [
            ("MARGINLAKE_COMMIT__INTERVAL_SECONDS", "soon", "MARGINLAKE_COMMIT__INTERVAL_SECONDS: Input should be a"),
            ("MARGINLAKE_COMMIT__INTERVALL", "1", "MARGINLAKE_COMMIT__INTERVALL: unknown key"),
            ("MARGINLAKE_COMIT__INTERVAL_SECONDS", "1", "MARGINLAKE_COMIT__INTERVAL_SECONDS: unknown key"),
            ("MARGINLAKE_RECEIVER", "4317", "MARGINLAKE_RECEIVER: Input should be a valid dictionary"),
            ("MARGINLAKE_RECEIVER", "grpc", 'error parsing value for field "receiver"'),
        ],
    )
    def test_one_line_names_the_variable(
        self, variable: str, value: str, told: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(data_dir / "marginlake.toml", 1)
        monkeypatch.setenv(variable, value)
        with pytest.raises(ConfigError, match="^environment: " + re.escape(told)) as failure:
            load(None, data_dir)
        assert "\n" not in str(failure.value)

    def test_a_file_that_is_no_text(self, data_dir: Path) -> None:
        (data_dir / "marginlake.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigError, match=r"marginlake\.toml: 'utf-8' codec"):
            load(None, data_dir)

    @pytest.mark.parametrize(
        ("entry", "told"),
        [
            ('event = "report"', "revenue entry 1: unit_price_usd: missing"),
            ('price = "1"', "revenue entry 1: price: unknown key"),
            ('unit_price_usd = "-1"', "revenue entry 1: unit_price_usd: -1 must be zero or more"),
            ('credits = "0.0000001"\ncredit_value_usd = "1"', "revenue entry 1: credits: 1E-7 does not fit"),
        ],
    )
    def test_a_revenue_rule_that_is_wrong(self, entry: str, told: str, data_dir: Path) -> None:
        (data_dir / "marginlake.toml").write_text(f"[[revenue]]\n{entry}\n")
        with pytest.raises(ConfigError, match="^" + re.escape(told)):
            rules_from(load(None, data_dir), None)

    def test_an_unknown_catalog_names_those_there_are(self) -> None:
        with pytest.raises(ConfigError, match=r"^no catalog with an id that starts with 'zzz'; there are: \w{12}"):
            rules_from(Config(pricing={"catalog": "zzz"}), None)


class TestDocs:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)

    def test_the_whole_file_is_the_defaults(self, data_dir: Path) -> None:
        (data_dir / "marginlake.toml").write_text(self.blocks[0])
        assert load(None, data_dir) == Config()

    def test_the_whole_file_names_every_setting(self) -> None:
        shown = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", self.blocks[0], flags=re.MULTILINE))
        sections = {
            name: field for name, field in Config.model_fields.items() if name not in ("revenue", "alert", "dialects")
        }
        assert set(shown) == set(sections)
        for name, field in sections.items():
            if isinstance(shown[name], dict):
                assert set(shown[name]) == set(type(field.default).model_fields), name

    def test_the_revenue_rules_are_understood(self, data_dir: Path) -> None:
        (data_dir / "marginlake.toml").write_text(self.blocks[1])
        rules = parse_rules(load(None, data_dir).revenue)
        assert [rule.unit for rule in rules] == [Fraction("0.99"), Fraction("0.116"), Fraction("0.75")]

    def test_the_rules_of_the_page_about_revenue_are_rules(self) -> None:
        page = (DOCS.parent / "revenue.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
        rules = parse_rules([entry for block in blocks for entry in tomllib.loads(block)["revenue"]])
        worth = {rule.rule_id: rule.unit for rule in rules}
        assert [worth[plan] for plan in ("starter", "pro", "business")] == [
            Fraction("0.058"),
            Fraction("0.0395"),
            Fraction("0.0199"),
        ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T10:00:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23T10:00:00+02:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


def test_a_word_is_no_time() -> None:
    with pytest.raises(ConfigError, match=r"^'yesterday' is not a time; write 2026-11-23 or"):
        parse_time("yesterday")
