"""What the containers start with: for their own users only, with the native stack's settings, by their names."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from devstack import accounts, containers, kafka, mysql
from devstack.containers import USERS
from devstack.errors import Refused
from devstack.secrets import Secrets, load_or_create
from devstack.settings import StackSettings

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root may give files away, as the step does.")


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    return StackSettings(home=tmp_path / "home", containers=True)


@pytest.fixture
def secrets(settings: StackSettings) -> Secrets:
    return load_or_create(settings.home)


@as_root
def test_each_folder_is_for_the_user_of_its_container_only(settings: StackSettings, secrets: Secrets) -> None:
    containers.write(settings, secrets)

    for part in ("mysql", "kafka", "connect"):
        folder = settings.home / part
        for path in (folder, *folder.iterdir()):
            found = path.stat()
            assert (found.st_uid, stat.S_IMODE(found.st_mode) & 0o077) == (USERS[part], 0), path
    assert (settings.home / "grafana" / "admin_password").stat().st_uid == USERS["grafana"]
    assert (settings.home / "secrets.json").stat().st_uid == USERS["oboegaki"]


@as_root
def test_what_each_starts_by_is_a_script_that_a_shell_reads_and_names_no_password(
    settings: StackSettings, secrets: Secrets
) -> None:
    containers.write(settings, secrets)

    scripts = [script for part in ("mysql", "kafka", "connect") for script in (settings.home / part).glob("*.sh")]
    assert len(scripts) == 6
    for script in scripts:
        subprocess.run(["sh", "-n", script], check=True)
        for name in Secrets.model_fields:
            assert getattr(secrets, name).get_secret_value() not in script.read_text()


PLANTED = ["mysql/my.cnf", "mysql/accounts.sql", "kafka/server.properties", "connect/gate.conf", "mysql/anything"]


@as_root
@pytest.mark.parametrize("planted", PLANTED)
def test_a_link_that_a_container_planted_is_not_followed(
    settings: StackSettings, secrets: Secrets, tmp_path: Path, planted: str
) -> None:
    containers.write(settings, secrets)
    theirs = tmp_path / "theirs"
    theirs.write_text("not to be touched")
    theirs.chmod(0o644)
    link = settings.home / planted
    link.unlink(missing_ok=True)
    link.symlink_to(theirs)
    containers.write(settings, secrets)

    found = theirs.stat()
    assert (theirs.read_text(), stat.S_IMODE(found.st_mode), found.st_uid) == ("not to be touched", 0o644, 0)
    assert link.is_symlink() == planted.endswith("anything")


@as_root
def test_a_link_in_the_place_of_the_secrets_is_refused_and_not_followed(
    settings: StackSettings, secrets: Secrets, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    path = settings.home / "secrets.json"
    path.rename(theirs)
    theirs.chmod(0o644)
    path.symlink_to(theirs)

    with pytest.raises(Refused, match="cannot be used"):
        load_or_create(settings.home)
    with pytest.raises(OSError, match="symbolic link"):
        containers.write(settings, secrets)
    assert (stat.S_IMODE(theirs.stat().st_mode), theirs.stat().st_uid) == (0o644, 0)


@as_root
def test_written_again_nothing_is_left_of_the_former_and_data_stays(
    settings: StackSettings, secrets: Secrets
) -> None:
    containers.write(settings, secrets)
    data = settings.home / "mysql" / "data"
    data.mkdir()
    (data / "ibdata1").write_text("rows")
    containers.write(settings, secrets)

    assert (data / "ibdata1").read_text() == "rows"
    assert (settings.home / "mysql" / "accounts.sql").read_text().count("ALTER USER") == 5


def test_the_parts_are_reached_by_their_names_and_only_the_broker_reaches_its_controller(
    settings: StackSettings, secrets: Secrets
) -> None:
    config = kafka.server_config(settings, secrets, settings.home / "kafka" / "data")

    assert config["advertised.listeners"] == "SASL_PLAINTEXT://kafka:8422"
    assert str(config["listeners"]).endswith("CONTROLLER://127.0.0.1:8423")
    assert settings.connect_url() == "http://connect:8424"


def test_what_keeps_data_is_set_as_without_containers(settings: StackSettings) -> None:
    native = StackSettings(home=settings.home)
    differs = {"socket", "bind-address", "user"}

    inside, outside = mysql.server_config(settings, None), mysql.server_config(native, None)
    assert {name: value for name, value in inside.items() if name not in differs} == {
        name: value for name, value in outside.items() if name not in differs
    }
    assert "user" not in inside


def test_root_of_mysql_gets_in_from_its_own_container_only(secrets: Secrets) -> None:
    told = accounts.account_statements(secrets, host="%")

    assert [line for line in told if "'root'@'%'" in line] == []
    assert any(line.startswith("GRANT ALL ON chat.* TO 'oboegaki_migrate'@'%' WITH GRANT") for line in told)


def test_without_containers_nobody_gives_rights_on() -> None:
    secrets = Secrets.model_validate({name: f"{name}-secret" for name in Secrets.model_fields})

    assert not any("GRANT OPTION" in line for line in accounts.account_statements(secrets))
