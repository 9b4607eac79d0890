"""What tests do to an instance in containers, and look at."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.containers.composed import ROOT, ComposedInstance
from tests.support.deadline import wait_until


def say(instance: ComposedInstance, user: str, content: str) -> int:
    """Says something and returns its message once it is learned."""
    with instance.client() as client:
        told = {"user_id": user, "role": "user", "content": content}
        message = client.post("/v1/messages", json=told).raise_for_status().json()["message_id"]
        wait_until(lambda: learned(client, user, message), 120)
        return int(message)


def learned(client: httpx.Client, user: str, message: int) -> bool:
    """Whether a message is learned, told within a second."""
    asked = client.get(f"/v1/users/{user}/freshness", params={"wait_for": message, "timeout": 1})
    return asked.is_success and bool(asked.json().get("learned"))


def memories(instance: ComposedInstance, user: str) -> set[str]:
    """All that is remembered of a user; nothing while it cannot be asked."""
    with instance.client() as client:
        answer = client.get("/v1/memories", params={"user_id": user})
        return {each["text"] for each in answer.json()["memories"]} if answer.is_success else set()


def agrees(instance: ComposedInstance) -> bool:
    """Whether rows, logs and memories agree, as verify finds."""
    told: dict[str, Any] = json.loads(instance.command("verify", "--json"))
    return not told["report"]["differences"]


def started_anew(instance: ComposedInstance, service: str, before: str) -> bool:
    """Whether a service's container is another start than that, and healthy."""
    state = instance.inspected(service)["State"]
    return bool(state["StartedAt"] != before and state["Health"]["Status"] == "healthy")


def ready(instance: ComposedInstance) -> dict[str, Any]:
    """What health tells."""
    found: dict[str, Any] = httpx.get(f"{instance.address}/health/ready", trust_env=False).json()
    return found


def as_written(instance: ComposedInstance, chapter: str, folder: Path) -> None:
    """Runs the commands of a chapter of docs/operations.md, on this instance's volumes."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    block = text.split(f"## {chapter}\n")[1].split("```bash\n")[1].split("```")[0]
    # Where the folder of docker-compose.yml has it for users.
    settings = folder / ".env"
    settings.touch()
    done = subprocess.run(
        ["bash", "-e", "-c", block],
        cwd=folder,
        env={
            **instance.env,
            "COMPOSE_FILE": instance.files,
            "COMPOSE_PROJECT_NAME": instance.project,
            "COMPOSE_ENV_FILES": str(settings),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
