"""SIGTERM while a language model, an embedding server and Kafka are silent."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import httpx

from tests.support.deadline import wait_until
from tests.support.embedding_server import embedding_server
from tests.support.instance import RunningInstance, instance_at
from tests.support.llm_server import Reply, llm_server, says

#: The promise.
STOP_S = 10

_MESSAGE = re.compile(r"^\[(\d+)\] \d\d:\d\d user: (.*)$", re.MULTILINE)


def one_fact_each(asked: dict[str, Any]) -> Reply:
    found = _MESSAGE.findall(asked["messages"][-1]["content"])
    return says({"memory": [{"text": text, "sources": [int(number)]} for number, text in found]})


def say(client: httpx.Client, user: str, text: str) -> int:
    told = {"user_id": user, "role": "user", "content": text}
    return int(client.post("/v1/messages", json=told).raise_for_status().json()["message_id"])


def learned(client: httpx.Client, user: str, message: int) -> bool:
    asked = client.get(f"/v1/users/{user}/freshness", params={"wait_for": message, "timeout": 0})
    return bool(asked.json().get("learned"))


def test_a_stop_under_load_takes_ten_seconds_at_most_and_loses_no_finished_work(tmp_path: Path) -> None:
    with embedding_server() as embedder, llm_server(says("")) as model, instance_at(tmp_path / "home") as instance:

        def silent(asked: dict[str, Any]) -> Reply:
            if "Kyoto" in json.dumps(asked["messages"]):
                return Reply(silent=True)
            if "flowers" in json.dumps(asked["messages"]):
                # Not before: what is near a message is looked for before a model is asked.
                embedder.silent_about = "sells flowers"
            return one_fact_each(asked)

        model.script = silent
        instance.settings = {
            "OBOEGAKI_LLM_URL": model.url,
            "OBOEGAKI_LLM_MODEL": "m",
            "OBOEGAKI_WINDOW_IDLE": "PT0.3S",
            "OBOEGAKI_ASK_CONCURRENCY": "4",
            "OBOEGAKI_EMBEDDER": "tei",
            "OBOEGAKI_EMBEDDER_URL": embedder.url,
        }
        instance.command("up")
        instance.serve()
        with instance.client() as client:
            finished = say(client, "alice", "Alice bakes bread.")
            wait_until(lambda: learned(client, "alice", finished))
            asked_by_then = len(model.asked)
            being_asked = say(client, "bob", "Bob lives in Kyoto.")
            wait_until(lambda: any("Kyoto" in prompt for prompt in model.prompts))
            being_filed = say(client, "carol", "Carol sells flowers.")
            wait_until(lambda: sum("flowers" in str(batch) for batch in embedder.batches()) == 2)

        stopped(instance)

        embedder.silent_about, model.script = "", one_fact_each
        embedder.asked.clear()
        instance.serve()
        with instance.client() as client:
            wait_until(lambda: learned(client, "carol", being_filed))
            wait_until(lambda: learned(client, "bob", being_asked))
            assert learned(client, "alice", finished)
        # What was finished was not done again.
        assert not [batch for batch in embedder.batches() if "bakes bread" in str(batch)]
        asked_again = [text for prompt in model.prompts[asked_by_then:] for _, text in _MESSAGE.findall(prompt)]
        assert not [text for text in asked_again if "bakes bread" in text]


def test_a_stop_takes_ten_seconds_at_most_while_kafka_hangs_and_loses_nothing(instance: RunningInstance) -> None:
    instance.serve()
    with instance.client() as client:
        before = say(client, "stopper", "Alice bakes bread.")
        wait_until(lambda: learned(client, "stopper", before))
        kafka = instance.part("kafka")
        kafka.send_signal(signal.SIGSTOP)
        try:
            said = say(client, "stopper", "Alice sells flowers.")
            stopped(instance)
            # And before learning has begun.
            instance.serve()
            stopped(instance)
        finally:
            kafka.send_signal(signal.SIGCONT)

    instance.serve()
    with instance.client() as client:
        wait_until(lambda: learned(client, "stopper", said), 120)


def stopped(instance: RunningInstance) -> None:
    """Tells the one process to stop; fails where it takes longer than was promised."""
    assert instance.served is not None
    instance.served.send_signal(signal.SIGTERM)
    instance.served.wait(STOP_S)
    instance.served = None
