"""The memories are deleted only where nobody uses them."""

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from memory_store.embedded import EmbeddedStore
from memory_store.models import Layout
from oboegaki import instance, rebuilding
from oboegaki.cli import app
from oboegaki.errors import CommandError


@pytest.mark.parametrize(("containers", "stop"), [("false", "oboegaki down"), ("true", "docker compose stop")])
def test_while_a_process_owns_the_memories_they_stay_and_it_is_told_how_to_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, containers: str, stop: str
) -> None:
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))
    monkeypatch.setenv("OBOEGAKI_CONTAINERS", containers)
    owner = EmbeddedStore(tmp_path, Layout("other-64", 64))
    owner.create("v1")
    owner.activate("v1")

    with pytest.raises(CommandError, match=f"Stop it first: `{stop}"):
        rebuilding.rebuild(instance.load(), Console())
    assert owner.live().name == "v1"
    owner.close()


def test_a_consumer_of_several_is_not_asked_to_rebuild() -> None:
    refused = CliRunner().invoke(app, ["consume", "--rebuild"])

    assert (refused.exit_code, "No such option" in refused.output) == (2, True)
