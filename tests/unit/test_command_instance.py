"""One instance from the environment: what is set wins, what is wrong is named, nothing secret is quoted."""

from pathlib import Path

import pytest

from oboegaki import instance
from oboegaki.errors import CommandError


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
