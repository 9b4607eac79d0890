"""docker-compose.yml as docker compose reads it; no engine is needed for that."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devstack.containers import USERS
from tests.containers import stand_ins
from tests.containers.engine import lacks_compose

ROOT = Path(__file__).parents[2]


def services(*options: str) -> dict[str, Any]:
    """What docker compose makes of the file, with no setting of this machine."""
    asked = subprocess.run(
        ["docker", "compose", "--env-file", "/dev/null", *options, "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(asked.stdout)["services"]
    return found


@pytest.fixture(autouse=True, scope="module")
def _compose() -> None:
    if why := lacks_compose():
        pytest.skip(why)


DEFAULT = {"configure", "mysql", "kafka", "set-up", "connect", "connector", "oboegaki"}
SERVER = DEFAULT | {"qdrant", "tei", "chat_api", "memory_consumer"}
MONITORING = {"prometheus", "grafana"}


def test_by_default_it_is_the_small_size() -> None:
    assert set(services()) == DEFAULT


def test_the_server_size_has_its_store_and_embedder_and_the_two_halves_apart() -> None:
    found = services("--profile", "server")

    assert set(found) == SERVER
    for half in ("chat_api", "memory_consumer"):
        told = found[half]["environment"]
        assert (told["OBOEGAKI_STORE"], told["OBOEGAKI_QDRANT_URL"]) == ("server", "http://qdrant:6333")
        assert (told["OBOEGAKI_EMBEDDER"], told["OBOEGAKI_EMBEDDER_URL"]) == ("tei", "http://tei:8080")
    assert "Qwen/Qwen3-Embedding-0.6B" in found["tei"]["command"]


def test_consumers_share_no_home() -> None:
    consumer = services("--profile", "server")["memory_consumer"]

    assert [each["target"] for each in consumer["volumes"]] == ["/secrets"]
    assert [each for each in consumer["tmpfs"] if each.startswith("/oboegaki:")]


def test_metrics_come_beside_either_size() -> None:
    assert set(services("--profile", "monitoring")) == DEFAULT | MONITORING
    assert set(services("--profile", "server", "--profile", "monitoring")) == SERVER | MONITORING


@pytest.mark.parametrize("profile", ["none", "server", "ollama", "redis", "monitoring"])
def test_nothing_but_the_api_and_grafana_is_published_and_on_loopback(profile: str) -> None:
    published = {name: each["ports"] for name, each in services("--profile", profile).items() if each.get("ports")}

    # Grafana asks for a password, and is there only where it was asked for.
    assert set(published) - {"oboegaki", "chat_api"} == ({"grafana"} if profile == "monitoring" else set())
    assert {port["host_ip"] for ports in published.values() for port in ports} == {"127.0.0.1"}


@pytest.mark.parametrize("profile", ["server", "ollama", "redis", "monitoring"])
def test_every_image_is_named_with_a_version_and_hardened(profile: str) -> None:
    for name, each in services("--profile", profile).items():
        # Another patch of a database may take its files over, and not give them back.
        assert re.fullmatch(r"(v|cpu-)?\d+\.\d+\.\d+(\.Final)?", each["image"].rpartition(":")[2]), name
        assert each["mem_limit"], name
        assert each["healthcheck"], name
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name


def test_each_runs_as_the_user_whose_files_it_is_given() -> None:
    found = services("--profile", "server", "--profile", "monitoring")

    for part in ("mysql", "kafka", "connect", "qdrant", "grafana"):
        assert found[part]["user"] == f"{USERS[part]}:{USERS[part]}"


def test_every_image_has_a_stand_in_where_it_cannot_be_had() -> None:
    images = {each["image"] for each in services("--profile", "server").values()}

    assert images == {*stand_ins.NAMES, *stand_ins.SERVER_NAMES, stand_ins.OURS} - {stand_ins.PYTHON}


def test_qdrant_is_of_its_clients_minor_version() -> None:
    [client] = re.findall(r"^qdrant-client==(\d+\.\d+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert services("--profile", "server")["qdrant"]["image"].startswith(f"qdrant/qdrant:v{client}.")


def test_one_shots_are_given_no_key() -> None:
    found = services("--profile", "server")
    given = {name for part in ("configure", "set-up", "connector") for name in found[part]["environment"]}

    assert not [name for name in given if "KEY" in name or "PASSWORD" in name]


def test_each_of_our_processes_tells_prometheus_at_a_port_that_is_not_published() -> None:
    found = services("--profile", "server", "--profile", "monitoring")
    config = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    [names], [port] = re.findall(r"names: \[(.*)\]", config), re.findall(r"port: (\d+)", config)

    assert set(names.split(", ")) == {"oboegaki", "chat_api", "memory_consumer"}
    for name in names.split(", "):
        told = found[name]["environment"]
        assert (told["OBOEGAKI_METRICS_HOST"], told["OBOEGAKI_METRICS_PORT"]) == ("0.0.0.0", port)  # noqa: S104  as told
        assert int(port) not in [each["target"] for each in found[name].get("ports", ())]
    assert "environment" not in found["prometheus"]


def test_grafana_asks_nobody_elsewhere_and_has_no_password_that_is_known() -> None:
    told = services("--profile", "monitoring")["grafana"]["environment"]

    assert "GF_SECURITY_ADMIN_PASSWORD" not in told
    assert told["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/oboegaki/grafana/admin_password"
    calls = ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES", "FEEDBACK_LINKS_ENABLED")
    assert {told[f"GF_ANALYTICS_{name}"] for name in calls} == {"false"}
    assert (told["GF_NEWS_NEWS_FEED_ENABLED"], told["GF_PLUGINS_PLUGIN_ADMIN_ENABLED"]) == ("false", "false")
    assert told["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_our_own_image_is_of_this_release() -> None:
    project = (ROOT / "pyproject.toml").read_text()

    release = services()["oboegaki"]["image"].rpartition(":")[2]
    assert f'\nversion = "{release}"\n' in project
