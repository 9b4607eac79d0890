"""API and learning in processes of their own need a store that they share."""

from pathlib import Path

import pytest

from devstack.errors import Refused
from devstack.secrets import load_or_create
from oboegaki import instance, serving
from oboegaki.errors import CommandError


@pytest.mark.parametrize("api", [True, False])
def test_an_embedded_store_is_for_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, api: bool
) -> None:
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))

    with pytest.raises(CommandError, match="OBOEGAKI_STORE=server"):
        serving.serve_apart(instance.load(), api=api)


def test_several_workers_need_a_store_that_they_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))

    with pytest.raises(CommandError, match="OBOEGAKI_STORE=server"):
        serving.serve_by_workers(instance.load(), 2)


def test_each_process_has_a_home_of_its_own_and_the_secrets_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBOEGAKI_SECRETS_HOME", str(tmp_path / "secrets"))
    with pytest.raises(Refused, match="cannot be read"):
        instance.load()
    load_or_create(tmp_path / "secrets")
    loaded = []
    for name in ("one", "two"):
        monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path / name))
        loaded.append(instance.load())

    assert loaded[0].secrets == loaded[1].secrets
    assert loaded[0].stack.home != loaded[1].stack.home


def test_the_containers_qdrant_is_told_its_key_and_somebody_elses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))
    native = instance.load()
    monkeypatch.setenv("OBOEGAKI_CONTAINERS", "true")
    contained = instance.load()

    assert native.store.qdrant_api_key.get_secret_value() == ""
    assert contained.store.qdrant_api_key == contained.secrets.qdrant
