"""One instance from the environment: what is set wins, what is wrong is named, nothing secret is quoted."""

import socket
from pathlib import Path

import pytest
from rich.console import Console

from devstack.errors import Failed
from oboegaki import bringing_up, instance, running
from oboegaki.errors import CommandError
from tests.docs import settings_table


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))
    return tmp_path


def test_ports_reach_every_part_and_secrets_come_from_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBOEGAKI_MYSQL_PORT", "9001")
    monkeypatch.setenv("OBOEGAKI_KAFKA_PORT", "9002")
    made = instance.load()

    assert (made.api.mysql_port, made.consumer.kafka) == (9001, "127.0.0.1:9002")
    assert made.api.api_key == made.secrets.api_key
    assert made.consumer.home == made.stack.home == home
    assert instance.load() == made


@pytest.mark.usefixtures("home")
def test_a_key_and_a_kafka_of_ones_own_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBOEGAKI_API_KEY", "a key of one's own")
    monkeypatch.setenv("OBOEGAKI_KAFKA", "kafka:9092")
    made = instance.load()

    assert made.api.api_key.get_secret_value() == "a key of one's own"
    assert made.consumer.kafka == "kafka:9092"
    assert made.consumer.kafka_user == ""


@pytest.mark.usefixtures("home")
def test_our_kafka_is_told_our_account_wherever_its_address_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBOEGAKI_KAFKA", "127.0.0.1:8422")
    made = instance.load()

    assert (made.consumer.kafka_user, made.consumer.kafka_password) == ("oboegaki", made.secrets.kafka)
    assert "sasl.password" in made.consumer.client()
    assert made.secrets.kafka.get_secret_value() not in repr(made.consumer)


@pytest.mark.usefixtures("home")
def test_a_setting_that_does_not_fit_is_named_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBOEGAKI_API_KEY", "short")

    with pytest.raises(CommandError, match="OBOEGAKI_API_KEY: ") as refused:
        instance.load()
    assert "short" not in str(refused.value)


OWN = ["localhost:8422", "LOCALHOST:8422", "[::1]:8422", "::1:8422", "127.0.0.1:8422,localhost:8422"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("spelled", OWN)
def test_our_own_kafka_is_ours_however_this_machine_is_spelled(
    monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    plain = instance.load()
    monkeypatch.setenv("OBOEGAKI_KAFKA", spelled)
    made = instance.load()

    assert made.has_own_kafka()
    assert made.consumer == plain.consumer


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "elsewhere", ["localhost:9092", "kafka:8422", "localhost", "127.0.0.1:8422,kafka:9092", "kafka:9092"]
)
def test_a_foreign_kafka_is_told_nothing_of_ours_and_refused_by_what_starts_its_own(
    monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    monkeypatch.setenv("OBOEGAKI_KAFKA", elsewhere)
    monkeypatch.setenv("OBOEGAKI_KAFKA_USER", "theirs")
    made = instance.load()

    assert (made.consumer.kafka, made.consumer.kafka_user) == (elsewhere, "theirs")
    assert made.consumer.kafka_password != made.secrets.kafka
    quiet = Console(quiet=True)
    with bringing_up.steps(quiet) as reported, pytest.raises(CommandError, match="oboegaki serve"):
        bringing_up.bring_up(made, reported)
    with pytest.raises(CommandError, match="Unset OBOEGAKI_KAFKA"):
        running.run(made, quiet)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["OBOEGAKI_KAFKA_USER", "OBOEGAKI_KAFKA_PASSWORD"])
def test_an_account_for_our_own_kafka_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "hunter2")

    with pytest.raises(CommandError, match="Unset both, or set OBOEGAKI_KAFKA") as refused:
        instance.load()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("variable", sorted({settings_table.variable(*each) for each in settings_table.names()}))
def test_a_setting_that_is_there_but_empty_is_one_that_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = instance.load()
    monkeypatch.setenv(variable, "")

    assert instance.load() == plain


def test_whoever_took_kafkas_port_is_not_told_its_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("OBOEGAKI_KAFKA_PORT", str(listening.getsockname()[1]))
        made = instance.load()

        with pytest.raises(Failed, match="told no password"):
            bringing_up.make_account(made)

        listening.settimeout(0.5)
        with pytest.raises(TimeoutError):
            listening.accept()
    assert made.stack.home == home
