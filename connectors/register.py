"""Puts the connector's configuration to Kafka Connect and waits until it runs."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
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
#: For so long the state told may be that of a former configuration, or of a worker that was killed.
_SETTLED_S = 3.0
#: Where the configuration tells which log it filled.
_LOG = "oboegaki.log.id"
_HELD = frozenset({"PAUSED", "STOPPED"})
_NO_HISTORY = "db history topic is missing"
#: Debezium's for reading the tables anew and going on at the place where it was.
_MODE = "snapshot.mode"
_RECOVERY = {_MODE: "recovery"}
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
    #: Properties file on Kafka Connect's machine that has `mysql.password` and `kafka.login`.
    secrets_file: Path
    kafka: str
    partitions: int
    #: Kafka's id of the messages log; another one if that was lost and made again.
    log_id: str


@dataclass(frozen=True, slots=True)
class _State:
    connector: str
    tasks: tuple[str, ...]
    trace: str

    @property
    def running(self) -> bool:
        return self.connector == "RUNNING" and self.tasks == ("RUNNING",)

    @property
    def held(self) -> bool:
        """Paused or stopped, which nobody but a person does for longer than a moment."""
        return self.connector in _HELD

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.connector, *self.tasks)


def messages_config(places: Places) -> dict[str, str]:
    """The connector's configuration for these places; the password stays a reference."""
    found = {field.name: str(getattr(places, field.name)) for field in fields(places)}
    return {key: _Placeholders(value).substitute(found) for key, value in _template().items()}


def _template() -> dict[str, str]:
    template: dict[str, str] = json.loads(_CONFIG.read_text(encoding="utf-8"))
    return template


#: A user and a password for Kafka Connect, or what says them; None where it asks for none.
Auth = tuple[str, str] | httpx.Auth | None


def register(
    connect_url: str, config: Mapping[str, str], deadline: float, *, name: str = NAME, auth: Auth = None
) -> None:
    """Returns once the connector and its task run with this configuration; safe to repeat.

    Every row is read again where the log that the connector filled is gone. One that was paused or stopped is
    resumed.
    The deadline is a value of time.monotonic(). Blocks until then at most.
    Raises Unavailable if Kafka Connect did not get there in time, Refused if the connector fails with this
    configuration, also once it was mended.
    """
    with _client(connect_url, auth) as client:
        _forget_place_in_another_log(client, name, config, deadline)
        _put(client, name, config, deadline)
        mended, settled = False, time.monotonic() + _SETTLED_S
        for seen in _states(client, name, deadline):
            is_settled = time.monotonic() >= settled
            if seen.running and is_settled:
                return
            if seen.held:
                # Before its failures: a task that has failed is not started while it is held.
                settled = time.monotonic()
                _take(client, "PUT", f"/connectors/{name}/resume", deadline)
            elif seen.failed and not mended:
                mended, settled = _mend(client, name, seen, deadline), time.monotonic() + _SETTLED_S
            elif seen.failed and is_settled:
                raise Refused(f"Connector {name} failed: {seen.trace}")
            elif not seen.running and not seen.failed:
                # On its way: what comes next is new.
                settled = time.monotonic()


def restart(connect_url: str, *, name: str = NAME, auth: Auth = None) -> None:
    """Has the connector and its task start again, where they stopped. Raises Unavailable.

    Until then Debezium 3.6.1 reads no rows again by signals once MySQL closed its connection (debezium/dbz#2275).
    """
    with _client(connect_url, auth) as client:
        if not _restart(client, name, time.monotonic() + _REQUEST_S, only_failed=False):
            raise Unavailable("Kafka Connect did not restart the connector.")


def state(connect_url: str, *, name: str = NAME, auth: Auth = None) -> str:
    """One word on the connector, RUNNING if all is well, with the cause where it failed.

    Raises Unavailable if Kafka Connect does not answer.
    """
    with _client(connect_url, auth) as client:
        try:
            found = _read(client.get(f"/connectors/{name}/status", timeout=_STATE_S))
        except httpx.HTTPError as exc:
            raise Unavailable("Kafka Connect does not answer.") from exc
    if found is None:
        return "UNKNOWN"
    if found.held:
        # Its task may have failed before: somebody wants it so nevertheless.
        return found.connector
    if found.failed:
        return f"FAILED: {found.trace}"
    # A connector is told to run before its task does, or while that is paused.
    parts = (found.connector, *(found.tasks or ("STARTING",)))
    return next((each for each in parts if each != "RUNNING"), "RUNNING")


def captured(connect_url: str, *, name: str = NAME, auth: Auth = None) -> str:
    """The transactions of MySQL that the connector has read, as a set of GTIDs; empty before its snapshot is done.

    Only what is in Kafka counts: it is what the connector would go on from.
    Raises Unavailable if Kafka Connect does not tell.
    """
    with _client(connect_url, auth) as client:
        try:
            answer = client.get(f"/connectors/{name}/offsets", timeout=_STATE_S)
        except httpx.HTTPError as exc:
            raise Unavailable("Kafka Connect does not answer.") from exc
    if not answer.is_success:
        raise Unavailable(f"Kafka Connect does not tell how far the connector is: {_message(answer)}.")
    offsets = [each["offset"] or {} for each in answer.json()["offsets"]]
    # While rows are read by a snapshot, the set is that of the snapshot's beginning or end: not all are there yet.
    return next((str(each.get("gtids") or "") for each in offsets if not each.get("snapshot")), "")


def mend(connect_url: str, *, name: str = NAME, auth: Auth = None) -> None:
    """Does what helps a connector that has failed; returns before it runs, and does nothing where it has not.

    Where its record of the tables is gone, it is made anew from them: until `settle` the connector runs in a mode
    for that. Otherwise what has failed of it is restarted. One that was paused or stopped is left so.
    Raises Unavailable if Kafka Connect does not take it now.
    """
    with _client(connect_url, auth) as client:
        try:
            seen = _read(client.get(f"/connectors/{name}/status", timeout=_STATE_S))
        except httpx.HTTPError as exc:
            raise Unavailable("Kafka Connect does not answer.") from exc
        if seen is not None and seen.held:
            return
        if seen is None or (seen.failed and not _mend(client, name, seen, time.monotonic() + _STATE_S)):
            raise Unavailable("Kafka Connect is too busy to mend the connector now.")


def settle(connect_url: str, *, name: str = NAME, auth: Auth = None) -> bool:
    """Ends the mode in which the record of the tables is made anew, for a connector that has run in it a while.

    In that mode a gap in MySQL's binlog goes unnoticed. Returns whether it was in it; safe to repeat.
    Raises Unavailable if Kafka Connect does not take it now.
    """
    with _client(connect_url, auth) as client:
        try:
            path = f"/connectors/{name}/config"
            known = client.get(path, timeout=_STATE_S).raise_for_status().json()
            if known.get(_MODE) != _RECOVERY[_MODE]:
                return False
            client.put(path, json={**known, _MODE: _template()[_MODE]}, timeout=_REQUEST_S).raise_for_status()
        except httpx.HTTPError as exc:
            raise Unavailable("Kafka Connect does not take the connector's configuration now.") from exc
    return True


def _forget_place_in_another_log(
    client: httpx.Client, name: str, config: Mapping[str, str], deadline: float
) -> None:
    """What was written to a log that is gone has to be written again, so all rows are read from the beginning.

    A stop in between leaves the former configuration, and with it the same to be done at the next registration.
    """
    if _LOG not in config:
        return
    known = _take(client, "GET", f"/connectors/{name}/config", deadline)
    if known is None or known.json().get(_LOG, config[_LOG]) == config[_LOG]:
        return
    _take(client, "PUT", f"/connectors/{name}/stop", deadline)
    _take(client, "DELETE", f"/connectors/{name}/offsets", deadline)


def _take(client: httpx.Client, method: str, path: str, deadline: float) -> httpx.Response | None:
    """The answer once Kafka Connect gives one; None where there is no such connector. Raises Unavailable."""
    while True:
        try:
            answer = client.request(method, path, timeout=_left(deadline))
        except httpx.HTTPError as exc:
            cause: object = exc
        else:
            if answer.is_success:
                return answer
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            # Tasks that still stop are a bad request to it.
            cause = _message(answer)
        _pause(deadline, f"Kafka Connect did not take {method} {path} in time: {cause}")


def _put(client: httpx.Client, name: str, config: Mapping[str, str], deadline: float) -> None:
    while True:
        cause: object = None
        try:
            answer = client.put(f"/connectors/{name}/config", json=dict(config), timeout=_left(deadline))
            if answer.is_success:
                return
            cause = _message(answer)
            objections = _objections(client, name, config, deadline) if answer.is_server_error else []
        except httpx.HTTPError as exc:
            cause = exc
        else:
            if objections or answer.status_code not in _LATER:
                told = " ".join(objections) or cause
                raise Refused(f"Kafka Connect refused the connector's configuration: {told}")
        _pause(deadline, f"Kafka Connect did not take the connector in time: {cause}")


def _objections(client: httpx.Client, name: str, config: Mapping[str, str], deadline: float) -> list[str]:
    """What is wrong with the configuration; nothing where it is the worker that is in trouble.

    Kafka 4.3 answers a wrong configuration with an error of its own: it trips over a setting of Debezium's that
    has no value.
    """
    path = f"/connector-plugins/{config['connector.class']}/config/validate"
    answer = client.put(path, json={**config, "name": name}, timeout=_left(deadline))
    if not answer.is_success:
        return []
    values = [each["value"] for each in answer.json()["configs"] if each["value"] is not None]
    return [f"{value['name']}: {error}" for value in values for error in value["errors"]]


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


def _restart(client: httpx.Client, name: str, deadline: float, *, only_failed: bool = True) -> bool:
    which = {"includeTasks": "true", "onlyFailed": str(only_failed).lower()}
    try:
        return client.post(f"/connectors/{name}/restart", params=which, timeout=_left(deadline)).is_success
    except httpx.HTTPError:
        return False


def _mend(client: httpx.Client, name: str, seen: _State, deadline: float) -> bool:
    """Whether Kafka Connect took what may help."""
    try:
        if _NO_HISTORY in seen.trace:
            known = client.get(f"/connectors/{name}/config", timeout=_left(deadline)).raise_for_status().json()
            config = {**known, **_RECOVERY}
            return client.put(f"/connectors/{name}/config", json=config, timeout=_left(deadline)).is_success
    except httpx.HTTPError:
        return False
    # A failed task stays so even where its cause, MySQL away say, has passed.
    return _restart(client, name, deadline)


def _read(answer: httpx.Response) -> _State | None:
    """The state in an answer to a question for it; None while Kafka Connect is too busy to give it."""
    if answer.status_code == httpx.codes.NOT_FOUND:
        return _State("UNKNOWN", (), "no cause given")
    if not answer.is_success:
        return None
    status = answer.json()
    parts = [status["connector"], *status["tasks"]]
    trace = next((part["trace"] for part in parts if part.get("trace")), "no cause given")
    tasks = tuple(task["state"] for task in status["tasks"])
    return _State(status["connector"]["state"], tasks, _cause(trace))


def _cause(trace: str) -> str:
    """What a Java stack trace says first, and what it says that this came of in the end."""
    lines = trace.strip().splitlines()
    return " ".join([lines[0], *[line for line in lines[1:] if line.startswith("Caused by: ")][-1:]])


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


def _client(connect_url: str, auth: Auth) -> httpx.Client:
    # Kafka Connect is on this machine: no proxy stands before it.
    return httpx.Client(base_url=connect_url, auth=auth, trust_env=False, verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    # Made once: it takes tens of milliseconds in which no other thread runs, and the connector is looked at often.
    return ssl.create_default_context()
