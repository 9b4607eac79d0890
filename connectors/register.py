"""Puts the connector's configuration to Kafka Connect and waits until it runs."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from string import Template

import httpx

from connectors.errors import Refused, Unavailable

#: Names every jar of the stack.
POM = Path(__file__).parent / "pom.xml"

NAME = "oboegaki-messages"
_CONFIG = Path(__file__).parent / "messages.json"
_POLL_S = 0.1
_REQUEST_S = 30.0
_STATE_S = 5.0
#: For so long after a restart the state told may be the one before it.
_SETTLED_S = 2.0
#: Busy with a rebalance, starting, or waiting for another part.
_LATER = frozenset({404, 409, 500, 503, 504})


class _Placeholders(Template):
    # $ belongs to Kafka Connect's own references in the same text.
    delimiter = "@"


@dataclass(frozen=True, slots=True)
class Places:
    """What the configuration does not know by itself."""

    mysql_host: str
    mysql_port: int
    mysql_user: str
    #: Properties file on Kafka Connect's machine that has `mysql.password`.
    secrets_file: Path
    kafka: str
    partitions: int


@dataclass(frozen=True, slots=True)
class _State:
    connector: str
    tasks: tuple[str, ...]
    trace: str

    @property
    def running(self) -> bool:
        return self.connector == "RUNNING" and self.tasks == ("RUNNING",)

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.connector, *self.tasks)


def messages_config(places: Places) -> dict[str, str]:
    """The connector's configuration for these places; the password stays a reference."""
    found = {field.name: str(getattr(places, field.name)) for field in fields(places)}
    template: dict[str, str] = json.loads(_CONFIG.read_text(encoding="utf-8"))
    return {key: _Placeholders(value).substitute(found) for key, value in template.items()}


def register(connect_url: str, config: Mapping[str, str], deadline: float, *, name: str = NAME) -> None:
    """Returns once the connector and its task run with this configuration; safe to repeat.

    The deadline is a value of time.monotonic(). Blocks until then at most.
    Raises Unavailable if Kafka Connect did not get there in time, Refused if the connector fails with this
    configuration, also after one restart.
    """
    with _client(connect_url) as client:
        _put(client, f"/connectors/{name}/config", config, deadline)
        restarted_at: float | None = None
        for seen in _states(client, name, deadline):
            if seen.running:
                return
            if not seen.failed:
                continue
            # A failed task stays so even where its cause, MySQL away say, has passed.
            if restarted_at is None:
                restarted_at = time.monotonic() if _restart(client, name, deadline) else None
            elif time.monotonic() > restarted_at + _SETTLED_S:
                raise Refused(f"Connector {name} failed: {seen.trace}")


def state(connect_url: str, *, name: str = NAME) -> str:
    """One word on the connector, RUNNING if all is well, with the cause where it failed.

    Raises Unavailable if Kafka Connect does not answer.
    """
    with _client(connect_url) as client:
        try:
            found = _read(client.get(f"/connectors/{name}/status", timeout=_STATE_S))
        except httpx.HTTPError as exc:
            raise Unavailable("Kafka Connect does not answer.") from exc
    if found is None:
        return "UNKNOWN"
    if found.running:
        return "RUNNING"
    return f"FAILED: {found.trace}" if found.failed else found.connector


def _put(client: httpx.Client, path: str, config: Mapping[str, str], deadline: float) -> None:
    while True:
        cause: object = None
        try:
            answer = client.put(path, json=dict(config), timeout=_left(deadline))
        except httpx.HTTPError as exc:
            cause = exc
        else:
            if answer.is_success:
                return
            cause = _message(answer)
            if answer.status_code not in _LATER:
                raise Refused(f"Kafka Connect refused the connector's configuration: {cause}")
        _pause(deadline, f"Kafka Connect did not take the connector in time: {cause}")


def _states(client: httpx.Client, name: str, deadline: float) -> Iterator[_State]:
    seen: object = "no answer"
    while True:
        try:
            found = _read(client.get(f"/connectors/{name}/status", timeout=_left(deadline)))
        except httpx.HTTPError as exc:
            seen = exc
        else:
            if found is not None:
                seen = f"connector {found.connector}, tasks {', '.join(found.tasks) or 'none'}"
                yield found
        _pause(deadline, f"Connector {name} did not get to run in time; last seen: {seen}")


def _restart(client: httpx.Client, name: str, deadline: float) -> bool:
    which = {"includeTasks": "true", "onlyFailed": "true"}
    try:
        return client.post(f"/connectors/{name}/restart", params=which, timeout=_left(deadline)).is_success
    except httpx.HTTPError:
        return False


def _read(answer: httpx.Response) -> _State | None:
    """The state in an answer to a question for it; None while Kafka Connect has none to give."""
    if not answer.is_success:
        return None
    status = answer.json()
    parts = [status["connector"], *status["tasks"]]
    trace = next((part["trace"] for part in parts if part.get("trace")), "no cause given")
    tasks = tuple(task["state"] for task in status["tasks"])
    return _State(status["connector"]["state"], tasks, trace.strip().splitlines()[0])


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def _pause(deadline: float, complaint: str) -> None:
    if time.monotonic() > deadline:
        raise Unavailable(complaint)
    time.sleep(_POLL_S)


def _left(deadline: float) -> float:
    return min(_REQUEST_S, max(_POLL_S, deadline - time.monotonic()))


def _client(connect_url: str) -> httpx.Client:
    # Kafka Connect is on this machine: no proxy stands before it.
    return httpx.Client(base_url=connect_url, trust_env=False)
