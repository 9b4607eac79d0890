"""What users start, and what may happen to it: kills, lost volumes, backups, another release."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chat_api.settings import Account
from tests.containers.composed import ComposedInstance
from tests.containers.steps import agrees, as_written, memories, ready, say, started_anew
from tests.support.api import execute
from tests.support.deadline import wait_until
from tests.support.embedding_server import embedding_server
from tests.support.llm_server import llm_server, says

SERVICES = ("mysql", "kafka", "connect", "oboegaki")


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_published_is_on_loopback(composed: ComposedInstance, service: str) -> None:
    bound = [
        each for ports in composed.inspected(service)["NetworkSettings"]["Ports"].values() for each in ports or ()
    ]

    assert {each["HostIp"] for each in bound} <= {"127.0.0.1"}
    assert bool(bound) == (service != "connect"), "The tests themselves look into MySQL and Kafka."


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_not_root_may_write_to_its_volume_only_and_may_take_no_rights(
    composed: ComposedInstance, service: str
) -> None:
    told = composed.inspected(service)

    assert told["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in told["HostConfig"]["SecurityOpt"]
    assert composed.part(service).uids().effective == int(told["Config"]["User"].split(":")[0])
    composed.compose("exec", "-T", service, "sh", "-c", "touch /tmp/written && ! touch /written /usr/written")


def test_the_small_size_is_allowed_four_gigabytes_at_most(composed: ComposedInstance) -> None:
    limits = [composed.inspected(service)["HostConfig"]["Memory"] for service in SERVICES]

    assert all(limits)
    assert sum(limits) <= 4 * 1024**3


def test_no_secret_is_in_an_environment_a_command_line_or_a_log(composed: ComposedInstance) -> None:
    said = "My secret is the colour of the moon."
    say(composed, "discreet", said)
    secrets = composed.secrets()
    told = json.dumps([composed.inspected(service) for service in (*SERVICES, "set-up", "connector")])
    told += " ".join(" ".join(composed.part(service).cmdline()) for service in SERVICES)
    told += composed.compose("logs")

    assert said not in told
    for name in type(secrets).model_fields:
        assert getattr(secrets, name).get_secret_value() not in told, name


def test_no_build_tool_is_in_the_image_and_a_list_of_what_is(composed: ComposedInstance) -> None:
    script = (
        "import importlib.util as u, json, shutil;"
        "tools = [t for t in ('gcc', 'cc', 'make', 'mvn', 'javac', 'git') if shutil.which(t)];"
        "modules = [m for m in ('pip', 'hatchling', 'editables') if u.find_spec(m)];"
        "named = {c['name'] for c in json.load(open('/opt/oboegaki/sbom.json'))['components']};"
        "print(json.dumps([tools, modules, sorted(named)]))"
    )
    tools, modules, named = json.loads(composed.compose("exec", "-T", "oboegaki", "python", "-c", script))

    assert (tools, modules) == ([], [])
    assert {"fastapi", "faststream", "qdrant-edge-py"} <= set(named)


def test_the_release_is_told_by_the_command_and_by_health(composed: ComposedInstance) -> None:
    # Just started, it may have no memories yet.
    wait_until(lambda: ready(composed)["status"] == "ok", 120)

    assert composed.command("--version").strip() == f"oboegaki {ready(composed)['version']}"


def test_a_file_of_this_machine_is_imported_by_standard_input(composed: ComposedInstance) -> None:
    told = json.dumps({"role": "user", "content": "I am allergic to buckwheat."})
    asked = ("exec", "-T", "oboegaki", "oboegaki", "import", "-", "--user", "importer")

    assert "1 messages, 1 of them new" in composed.compose(*asked, said=told)
    assert memories(composed, "importer") == {"I am allergic to buckwheat."}


def test_doctor_finds_all_well(composed: ComposedInstance) -> None:
    wait_until(lambda: ready(composed)["status"] == "ok", 120)
    assert "wrong" not in composed.command("doctor")


def test_in_a_container_nobody_starts_the_other_parts(composed: ComposedInstance) -> None:
    told = composed.compose("exec", "-T", "oboegaki", "oboegaki", "run", status=1)

    assert "docker compose up" in told


@pytest.mark.parametrize("service", ["oboegaki", "connect", "kafka"])
def test_whatever_is_killed_comes_back_and_nothing_is_lost(composed: ComposedInstance, service: str) -> None:
    user = f"survivor-of-{service}"
    say(composed, user, "I paint ferries.")
    before = composed.inspected(service)["State"]["StartedAt"]
    # As a crash does: what the engine is told to kill stays down.
    composed.part(service).kill()
    wait_until(lambda: started_anew(composed, service, before), 120)
    wait_until(composed.answers, 60)
    say(composed, user, "I sell flowers.")

    assert memories(composed, user) == {"I paint ferries.", "I sell flowers."}


def test_a_model_on_the_machine_answers_by_one_variable_and_without_it_what_is_remembered_does(
    composed: ComposedInstance,
) -> None:
    say(composed, "talker", "I am allergic to buckwheat.")
    try:
        with llm_server(says("Not buckwheat!"), host=gateway()) as model:
            composed.settings["OBOEGAKI_LLM_URL"] = as_seen_inside(f"http://{gateway()}:{model.server_port}/v1")
            composed.serve()
            by_model = reply(composed, "talker")
    finally:
        composed.settings.clear()
        composed.serve()
    by_memory = reply(composed, "talker")

    assert by_model == "Not buckwheat!"
    assert "I am allergic to buckwheat." in by_memory


def gateway() -> str:
    """The address of this machine that containers reach."""
    asked = ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def as_seen_inside(url: str) -> str:
    """The address of a server on this machine, as a container is told it."""
    return url.replace(gateway(), "host.docker.internal")


def reply(instance: ComposedInstance, user: str) -> str:
    with instance.client() as client:
        told = {"user_id": user, "message": "What am I allergic to?"}
        answer: str = client.post("/v1/chat", json=told).raise_for_status().json()["reply"]
        return answer


def test_a_stop_is_in_order_and_is_not_cut_short(composed: ComposedInstance) -> None:
    composed.compose("stop", "oboegaki")
    code = composed.inspected("oboegaki")["State"]["ExitCode"]
    composed.serve()

    assert code == 0


def test_a_changed_setting_of_a_part_starts_it_anew(composed: ComposedInstance) -> None:
    say(composed, "heaped", "I paint ferries.")
    composed.settings["OBOEGAKI_CONNECT_HEAP_MB"] = "400"
    try:
        composed.up()
        assert "-Xmx400m" in composed.part("connect").cmdline()
    finally:
        composed.settings.clear()
        composed.up()
    assert "-Xmx384m" in composed.part("connect").cmdline()
    say(composed, "heaped", "I sell flowers.")


def test_after_down_and_up_all_is_there(composed: ComposedInstance) -> None:
    say(composed, "returner", "I live in Oslo.")
    composed.compose("down")
    composed.up()
    wait_until(lambda: memories(composed, "returner") == {"I live in Oslo."}, 120)


def test_a_lost_store_is_filled_again_from_the_log(composed: ComposedInstance, tmp_path: Path) -> None:
    say(composed, "forgotten", "I have a dog called Pochi.")
    as_written(composed, "After Kafka's volume was lost, or not restored", tmp_path)

    wait_until(lambda: memories(composed, "forgotten") == {"I have a dog called Pochi."}, 180)
    assert agrees(composed)


def test_without_kafkas_volume_the_memories_are_built_anew_from_mysql(
    composed: ComposedInstance, tmp_path: Path
) -> None:
    say(composed, "kept", "I am allergic to buckwheat.")
    before = rows(composed.database())
    composed.compose("down")
    subprocess.run(["docker", "volume", "rm", f"{composed.project}_kafka"], check=True, capture_output=True)
    as_written(composed, "After Kafka's volume was lost, or not restored", tmp_path)

    wait_until(lambda: memories(composed, "kept") == {"I am allergic to buckwheat."}, 180)
    assert rows(composed.database()) == before
    wait_until(lambda: agrees(composed), 120)


def test_with_another_embedder_the_memories_are_built_anew(composed: ComposedInstance, tmp_path: Path) -> None:
    said = {"I bake bread on Sundays.", "My dog is called Pochi."}
    for each in said:
        say(composed, "embedded", each)
    with embedding_server(host=gateway()) as other:
        composed.settings.update(OBOEGAKI_EMBEDDER="tei", OBOEGAKI_EMBEDDER_URL=as_seen_inside(other.url))
        try:
            as_written(composed, "Another embedder", tmp_path)
            wait_until(lambda: memories(composed, "embedded") == said, 120)
        finally:
            composed.settings.clear()
        as_written(composed, "Another embedder", tmp_path)

    wait_until(lambda: memories(composed, "embedded") == said, 120)
    assert other.asked


def test_what_was_backed_up_is_restored(composed: ComposedInstance, tmp_path: Path) -> None:
    say(composed, "restored", "I bake bread on Sundays.")
    before = rows(composed.database())
    as_written(composed, "Back up", tmp_path)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.tar.gz")} == {0o600}
    say(composed, "restored", "I bake cakes on Mondays.")
    as_written(composed, "Restore", tmp_path)

    wait_until(lambda: memories(composed, "restored") == {"I bake bread on Sundays."}, 120)
    assert rows(composed.database()) == before
    assert agrees(composed)


def test_all_else_is_made_anew_from_mysqls_backup_alone(composed: ComposedInstance, tmp_path: Path) -> None:
    say(composed, "alone", "I bake bread on Sundays.")
    before, key = rows(composed.database()), composed.key()
    as_written(composed, "Back up MySQL alone", tmp_path)
    say(composed, "alone", "I bake cakes on Mondays.")
    as_written(composed, "Restore MySQL alone", tmp_path)

    assert composed.key() != key
    wait_until(lambda: memories(composed, "alone") == {"I bake bread on Sundays."}, 180)
    assert rows(composed.database()) == before
    wait_until(lambda: agrees(composed), 120)


def rows(account: Account) -> list[Any]:
    return execute(account, "SELECT id, user_id, content FROM messages ORDER BY id")
