"""What MySQL's variables mean for learning: anything but whole rows in the binlog is refused with what to do."""

import pytest

from chat_api.rows.binlog import WANTED, objection


def test_a_server_that_logs_whole_rows_is_accepted() -> None:
    assert objection(WANTED) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_bin", "OFF"),
        ("binlog_format", "STATEMENT"),
        ("binlog_format", "MIXED"),
        ("binlog_row_image", "MINIMAL"),
        ("binlog_row_image", "NOBLOB"),
        ("binlog_row_value_options", "PARTIAL_JSON"),
        ("gtid_mode", "OFF"),
        ("gtid_mode", "ON_PERMISSIVE"),
        ("enforce_gtid_consistency", "WARN"),
    ],
)
def test_a_setting_that_could_lose_rows_is_named_with_what_to_do(name: str, value: str) -> None:
    told = objection({**WANTED, name: value})

    assert told is not None
    assert f"MySQL runs with {name}={value}, so" in told
    assert f"{name}={WANTED[name] or chr(39) * 2} is needed." in told
    assert f"`RESET PERSIST IF EXISTS {name}`" in told


def test_a_server_that_does_not_know_a_setting_is_refused_too() -> None:
    told = objection({name: value for name, value in WANTED.items() if name != "gtid_mode"})

    assert told is not None
    assert "gtid_mode=unknown" in told
