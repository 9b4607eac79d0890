"""Settings that a part could not live with are refused before anything starts."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from devstack.settings import StackSettings


def test_folders_are_absolute_as_the_parts_have_other_working_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = StackSettings(home=Path("here"), dist=Path("~/there"))

    assert settings.home == tmp_path / "here"
    assert settings.dist == Path.home() / "there"


def test_the_default_folders_are_absolute_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OBOEGAKI_HOME", raising=False)

    assert StackSettings().home == tmp_path / ".oboegaki"


@pytest.mark.parametrize("character", list(':,{}*"\n'))
@pytest.mark.parametrize("folder", ["home", "dist"])
def test_a_folder_that_java_would_split_is_refused(folder: str, character: str) -> None:
    with pytest.raises(ValidationError, match=folder):
        StackSettings.model_validate({folder: f"/srv/a{character}b"})


def test_spaces_and_japanese_are_fine_in_a_folder() -> None:
    assert StackSettings(home=Path("/srv/覚え 書き'$&")).home == Path("/srv/覚え 書き'$&")


@pytest.mark.parametrize("setting", ["kafka_port", "kafka_controller_port", "connect_port"])
def test_two_parts_cannot_share_a_port(setting: str) -> None:
    with pytest.raises(ValidationError, match="differ"):
        StackSettings.model_validate({setting: 8421, "mysql_port": 8421})


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ValidationError):
        StackSettings(mysql_port=port)


def test_a_second_instance_is_set_up_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBOEGAKI_KAFKA_PORT", "9001")
    monkeypatch.setenv("OBOEGAKI_CONNECT_PORT", "9002")

    settings = StackSettings()

    assert settings.kafka() == "127.0.0.1:9001"
    assert settings.connect_url() == "http://127.0.0.1:9002"
