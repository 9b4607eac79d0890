"""Properties files and commands as Java reads them."""

from pathlib import Path

import pytest

from devstack import java
from devstack.jars import Jars


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain value", "plain value"),
        (r"C:\new", r"C:\\new"),
        ("覚え書き", r"\u899a\u3048\u66f8\u304d"),
        ("📝", r"\ud83d\udcdd"),
        ("a\nb\tc", r"a\u000ab\u0009c"),
        ("é\x7f", r"\u00e9\u007f"),
    ],
)
def test_a_value_is_written_in_the_escapes_that_java_expects(tmp_path: Path, value: str, written: str) -> None:
    path = tmp_path / "a.properties"

    java.write_properties(path, {"key": value})

    assert path.read_bytes() == f"key={written}\n".encode()


def test_one_line_per_property_and_numbers_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.properties"

    java.write_properties(path, {"node.id": 1, "log.retention.ms": -1})

    assert path.read_text() == "node.id=1\nlog.retention.ms=-1\n"


def test_only_the_owner_reads_a_properties_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.properties"

    java.write_properties(path, {"mysql.password": "x"})

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_java_out_of_memory_ends_and_is_seen_to_have_ended(tmp_path: Path) -> None:
    command = java.command(Jars(Path("/dist/jars")).classpath, tmp_path, 300, "kafka.Kafka", "server.properties")

    assert command[0] == "java"
    assert {"-Xmx300m", "-XX:+ExitOnOutOfMemoryError"} <= set(command)
    assert command[-4:] == ["-cp", "/dist/jars/kafka/*", "kafka.Kafka", "server.properties"]


def test_the_log_settings_are_where_the_command_looks_for_them(tmp_path: Path) -> None:
    folder = tmp_path / "覚え 書き"
    folder.mkdir()

    command = java.command(Jars(Path("/dist/jars")).classpath, folder, 300, "kafka.Kafka")

    assert f"-Dlog4j2.configurationFile={(folder / 'log4j2.properties').as_uri()}" in command
    assert "Console" in (folder / "log4j2.properties").read_text()
