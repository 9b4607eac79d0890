"""A language model on this machine is found and offered, and never used without being set."""

import socket
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from oboegaki import discovery, doctor, instance, welcome
from oboegaki.discovery import Offer
from oboegaki.instance import Instance
from tests.support.llm_server import LlmServer, llm_server, says

OFFER = Offer("Ollama", "http://127.0.0.1:11434/v1", ("qwen3:4b", "gemma3:4b"))


def listing(*models: str, owner: str = "library") -> dict[str, object]:
    """Models as a server lists them."""
    data = [{"id": model, "object": "model", "created": 1, "owned_by": owner} for model in models]
    return {"object": "list", "data": data}


@pytest.fixture
def ollama() -> Iterator[LlmServer]:
    """A server that lists its models as Ollama does."""
    with llm_server(says(""), models=listing("nomic-embed-text:latest", "qwen3:4b", "gemma3:4b")) as server:
        yield server


@pytest.fixture
def unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance without a language model."""
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))
    return instance.load()


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_a_server_is_found_with_the_models_that_talk(ollama: LlmServer, closed_port: int) -> None:
    found = discovery.find([closed_port, ollama.server_port])

    assert found == [Offer("Ollama", ollama.url, ("qwen3:4b", "gemma3:4b"))]
    assert ollama.asked == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("library", "Ollama"),
        ("organization_owner", "LM Studio"),
        ("llamacpp", "llama.cpp"),
        ("somebody", "OpenAI-compatible"),
    ],
)
def test_servers_are_told_apart_by_how_they_list_models(owner: str, name: str) -> None:
    with llm_server(says(""), models=listing("m", owner=owner)) as server:
        assert [offer.server for offer in discovery.find([server.server_port])] == [name]


@pytest.mark.parametrize("told", [{"data": []}, listing("bge-m3"), {"models": []}, {"data": "m"}, {}])
def test_what_lists_no_model_that_talks_is_not_offered(told: dict[str, object]) -> None:
    with llm_server(says(""), models=told) as server:
        assert discovery.find([server.server_port]) == []


def test_what_accepts_connections_and_never_answers_is_left_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        assert discovery.find([silent.getsockname()[1]]) == []


def test_an_offer_says_what_to_type() -> None:
    assert str(OFFER) == (
        "A language model answers at http://127.0.0.1:11434/v1 (Ollama: qwen3:4b and 1 more); to use it:"
        " OBOEGAKI_LLM_URL=http://127.0.0.1:11434/v1 OBOEGAKI_LLM_MODEL=qwen3:4b make run"
    )


def test_the_name_of_a_model_is_never_read_by_the_shell() -> None:
    assert "OBOEGAKI_LLM_MODEL='$(reboot)' make" in Offer("Ollama", "u", ("$(reboot)",)).command()


def test_doctor_offers_a_model_where_none_is_set(ollama: LlmServer, unset: Instance) -> None:
    assert f"A language model answers at {ollama.url}" in doctor.model(unset, [ollama.server_port])


@pytest.mark.usefixtures("ollama")
def test_doctor_says_nothing_of_models_where_none_answers(unset: Instance, closed_port: int) -> None:
    assert "language model" not in doctor.model(unset, [closed_port])


def test_the_welcome_offers_a_model_in_one_line_to_paste(unset: Instance) -> None:
    printed = StringIO()
    welcome.show(unset, Console(file=printed, width=40), [OFFER])

    assert str(OFFER) in printed.getvalue().splitlines()


def test_doctor_names_the_models_of_a_server_that_does_not_list_the_one_that_is_set(
    ollama: LlmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBOEGAKI_HOME", str(tmp_path))
    monkeypatch.setenv("OBOEGAKI_LLM_URL", ollama.url)
    monkeypatch.setenv("OBOEGAKI_LLM_MODEL", "qwen3:4b")
    assert doctor.model(instance.load()) == f"qwen3:4b at {ollama.url}"

    monkeypatch.setenv("OBOEGAKI_LLM_MODEL", "qwen")
    assert doctor.model(instance.load()).endswith("gemma3:4b: check OBOEGAKI_LLM_MODEL")
