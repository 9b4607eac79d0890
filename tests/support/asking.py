"""Recall measured over a file of conversations with questions."""

import json
from pathlib import Path
from typing import Any

import httpx


def recall_at(client: httpx.Client, user: str, file: Path, limit: int) -> float:
    """The mean share of a question's evidence among the sources of the first memories."""
    questions = json.loads(file.read_text())["questions"]
    return sum(_share(client, user, question, limit) for question in questions) / len(questions)


def _share(client: httpx.Client, user: str, question: dict[str, Any], limit: int) -> float:
    asked = {"user_id": user, "query": question["question"], "limit": limit}
    answer = client.get("/v1/memories", params=asked)
    assert answer.status_code == 200, answer.text
    found = {source["external_id"] for memory in answer.json()["memories"] for source in memory["sources"]}
    evidence = set(question["evidence"])
    return len(evidence & found) / len(evidence)
