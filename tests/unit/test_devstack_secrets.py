"""Passwords are made once per instance, and only its owner reads them."""

import json
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.errors import Refused
from devstack.secrets import Secrets, load, load_or_create


def plain(secrets: Secrets) -> list[str]:
    return [getattr(secrets, name).get_secret_value() for name in Secrets.model_fields]


def test_secrets_are_made_once_and_then_read(tmp_path: Path) -> None:
    assert plain(load_or_create(tmp_path)) == plain(load_or_create(tmp_path))


def test_two_instances_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = plain(load_or_create(tmp_path / "a")), plain(load_or_create(tmp_path / "b"))

    assert len({*one, *other}) == 2 * len(Secrets.model_fields)


def test_only_the_owner_reads_the_secrets(tmp_path: Path) -> None:
    home = tmp_path / "home"

    load_or_create(home)

    assert home.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in home.iterdir()] == [0o600]


def test_a_home_that_cannot_be_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Refused, match=r"cannot be used: Not a directory[.] Set OBOEGAKI_HOME to another folder"):
        load_or_create(tmp_path / "file" / "home")


def test_rights_that_were_widened_are_narrowed_again(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "secrets.json").chmod(0o644)

    load_or_create(tmp_path)

    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_of_many_that_make_them_at_once_one_wins_for_all(tmp_path: Path) -> None:
    at_once = threading.Barrier(8)

    def make(_: int) -> list[str]:
        at_once.wait()
        return plain(load_or_create(tmp_path))

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(make, range(8)))

    assert found == [found[0]] * 8
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_what_a_file_of_an_earlier_release_lacks_is_added_once_and_the_rest_is_kept(tmp_path: Path) -> None:
    before = load_or_create(tmp_path)
    path = tmp_path / "secrets.json"
    held = json.loads(path.read_text())
    path.write_text(
        json.dumps({name: held[name] for name in held if name not in ("kafka", "kafka_broker", "connect")})
    )
    with ThreadPoolExecutor(8) as threads:
        found = [plain(each) for each in threads.map(load_or_create, [tmp_path] * 8)]

    assert found == [found[0]] * 8
    assert found[0][:6] == plain(before)[:6]
    assert len(set(found[0])) == len(Secrets.model_fields)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.json"]


def test_what_a_later_release_added_is_kept_and_does_not_hinder(tmp_path: Path) -> None:
    before = load_or_create(tmp_path)
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"of_a_later_release": "hunter2"}))

    assert plain(load_or_create(tmp_path)) == plain(before)
    assert json.loads(path.read_text())["of_a_later_release"] == "hunter2"


@pytest.mark.parametrize("damage", ["", "{", '{"mysql_root": "hunter2"}', '["hunter2"]'])
def test_a_damaged_file_is_refused_and_never_quoted(tmp_path: Path, damage: str) -> None:
    (tmp_path / "secrets.json").write_text(damage)

    with pytest.raises(Refused, match="damaged") as refusal:
        load_or_create(tmp_path)

    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))
    assert (tmp_path / "secrets.json").read_text() == damage


def test_secrets_of_another_home_are_read_and_nothing_there_is_changed(tmp_path: Path) -> None:
    made = load_or_create(tmp_path)
    (tmp_path / "secrets.json").chmod(0o440)
    tmp_path.chmod(0o550)

    assert load(tmp_path) == made
    assert [path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "secrets.json")] == [0o550, 0o440]
    tmp_path.chmod(0o700)


def test_secrets_that_are_not_there_are_refused_with_what_to_do_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be read: No such file .* OBOEGAKI_SECRETS_HOME"):
        load(tmp_path / "home")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["", "{", '{"mysql_root": "hunter2"}', '["hunter2"]'])
def test_a_file_of_another_home_that_does_not_suffice_is_refused_and_never_quoted(
    tmp_path: Path, damage: str
) -> None:
    (tmp_path / "secrets.json").write_text(damage)

    with pytest.raises(Refused, match="damaged, or of an earlier release") as refusal:
        load(tmp_path)
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


def test_secrets_do_not_show_in_a_printed_form(tmp_path: Path) -> None:
    secrets = load_or_create(tmp_path)

    assert not [value for value in plain(secrets) if value in f"{secrets!r} {secrets}"]


def test_passwords_need_no_quoting_anywhere(tmp_path: Path) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")

    for value in plain(load_or_create(tmp_path)):
        assert len(value) >= 32
        assert set(value) <= allowed
