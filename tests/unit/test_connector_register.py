"""Registration against a Kafka Connect whose answers are played, one after the other."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from connectors.errors import Refused, Unavailable
from connectors.register import captured, mend, register, settle, state

CONFIG = {"connector.class": "MySqlConnector"}
ABSENT = (404, {"message": "No status found"})
BUSY = (409, {"message": "A rebalance is in progress"})
#: As Kafka Connect writes what Java threw.
TRACE = """\
ConnectException: The connector will be stopped.
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:70)
Caused by: DebeziumException: The snapshot failed
\t... 9 more
Caused by: SQLException: Access denied
\t... 12 more
"""
CAUSE = "ConnectException: The connector will be stopped. Caused by: SQLException: Access denied"


def told(connector: str, task: str | None = None) -> tuple[int, dict[str, Any]]:
    tasks = [] if task is None else [{"id": 0, "state": task, "trace": TRACE}]
    return 200, {"connector": {"state": connector}, "tasks": tasks}


RUNNING = told("RUNNING", "RUNNING")
FAILED = told("RUNNING", "FAILED")
RESTARTING = told("RUNNING", "RESTARTING")


class Connect:
    """What Kafka Connect answers; the last answer of a list stays."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.puts: list[tuple[int, Any]] = [(201, {})]
        self.states: list[tuple[int, Any]] = [RUNNING]
        self.validated: tuple[int, Any] = (200, {"configs": []})
        self.config: tuple[int, Any] = (404, {"message": "Connector c not found"})
        #: To stop it, to forget its place in the binlog, to go on.
        self.taken: list[tuple[int, Any]] = [(204, {})]
        self.sent: list[Any] = []
        #: How the connector is once it may read the tables anew.
        self.recovering: list[tuple[int, Any]] | None = None

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if method == "POST":
            return 202, {}
        if method == "GET" and path.endswith("/config"):
            return self.config
        if method != "GET" and path.endswith(("/stop", "/offsets", "/resume")):
            return self.taken.pop(0) if len(self.taken) > 1 else self.taken[0]
        if method == "PUT" and path.endswith("c/config"):
            self.sent.append(json.loads(body))
            if self.recovering and self.sent[-1].get("snapshot.mode") == "recovery":
                self.states = self.recovering
        if path == "/connector-plugins/MySqlConnector/config/validate":
            return self.validated
        answers = self.puts if method == "PUT" else self.states
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A server that answers as told."""
    played = Connect()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = played.answer(self.command, self.path, sent)
            encoded = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  the names that the library calls

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ExitStack() as running:
        server = running.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        played.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.callback(thread.join)
        running.callback(server.shutdown)
        yield played


def soon() -> float:
    return time.monotonic() + 60


def test_a_connector_is_registered_by_putting_its_configuration(connect: Connect) -> None:
    connect.states = [ABSENT, told("RUNNING"), RUNNING]

    register(connect.url, CONFIG, soon(), name="c")

    assert connect.asked == ["PUT /connectors/c/config"] + ["GET /connectors/c/status"] * 3


def test_a_worker_that_is_busy_is_asked_again(connect: Connect) -> None:
    connect.puts = [BUSY, (500, "no json object"), (201, {})]
    connect.states = [ABSENT, BUSY, RUNNING]

    register(connect.url, CONFIG, soon(), name="c")

    assert connect.asked.count("PUT /connectors/c/config") == 3


def test_a_configuration_that_is_not_taken_is_refused_with_the_cause(connect: Connect) -> None:
    connect.puts = [(400, {"message": "Unable to connect: Access denied"})]

    with pytest.raises(Refused, match="Access denied"):
        register(connect.url, CONFIG, soon())


def test_the_cause_is_asked_for_where_kafka_connect_trips_over_telling_it(connect: Connect) -> None:
    connect.puts = [(500, {"message": None})]
    wrong = {"name": "database.hostname", "errors": ["Unable to connect: Access denied"]}
    right = {"name": "database.port", "errors": []}
    connect.validated = (200, {"configs": [{"value": None}, {"value": right}, {"value": wrong}]})

    with pytest.raises(Refused, match=r": database\.hostname: Unable to connect: Access denied$"):
        register(connect.url, CONFIG, soon())


def test_a_worker_in_trouble_is_asked_again_even_where_it_cannot_validate(connect: Connect) -> None:
    connect.puts = [(500, {"message": "Request timed out"}), (201, {})]
    connect.validated = BUSY

    register(connect.url, CONFIG, soon(), name="c")

    assert connect.asked.count("PUT /connectors/c/config") == 2


def test_a_connector_that_fails_again_after_a_restart_is_refused_with_the_cause(connect: Connect) -> None:
    connect.states = [ABSENT, FAILED, RESTARTING, FAILED]

    with pytest.raises(Refused, match=rf"Connector c failed: {CAUSE}$"):
        register(connect.url, CONFIG, soon(), name="c")

    assert connect.asked.count("POST /connectors/c/restart?includeTasks=true&onlyFailed=true") == 1


def test_a_connector_whose_failure_has_passed_runs_after_a_restart(connect: Connect) -> None:
    connect.states = [FAILED, RESTARTING, RUNNING]

    register(connect.url, CONFIG, soon())

    assert [each for each in connect.asked if each.startswith("POST")]


def test_a_state_of_the_former_configuration_is_not_taken_for_the_new_ones(connect: Connect) -> None:
    connect.states = [RUNNING, RUNNING, told("RUNNING", "UNASSIGNED"), FAILED, RESTARTING, FAILED]

    with pytest.raises(Refused, match="Access denied"):
        register(connect.url, CONFIG, soon())


def test_a_connector_that_was_running_all_along_runs(connect: Connect) -> None:
    register(connect.url, CONFIG, soon())

    assert not [each for each in connect.asked if each.startswith("POST")]


def test_a_connector_that_does_not_get_to_run_is_unavailable_with_what_was_last_seen(connect: Connect) -> None:
    connect.states = [told("RUNNING", "UNASSIGNED")]

    with pytest.raises(Unavailable, match="last seen: connector RUNNING, tasks UNASSIGNED"):
        register(connect.url, CONFIG, time.monotonic() + 0.3)


def test_a_worker_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="did not take the connector in time"):
        register("http://127.0.0.1:1", CONFIG, time.monotonic())
    with pytest.raises(Unavailable):
        state("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (RUNNING, "RUNNING"),
        (FAILED, f"FAILED: {CAUSE}"),
        (told("PAUSED", "PAUSED"), "PAUSED"),
        (told("PAUSED", "FAILED"), "PAUSED"),
        (told("STOPPED", "FAILED"), "STOPPED"),
        (told("RUNNING"), "STARTING"),
        (told("RUNNING", "UNASSIGNED"), "UNASSIGNED"),
        (ABSENT, "UNKNOWN"),
    ],
)
def test_the_state_is_one_word_and_a_cause(connect: Connect, answer: tuple[int, Any], word: str) -> None:
    connect.states = [answer]

    assert state(connect.url) == word


@pytest.mark.parametrize(
    ("offset", "read"),
    [
        ({"file": "binlog.000002", "pos": 4, "gtids": "a:1-209"}, "a:1-209"),
        ({"gtids": "a:1-209", "snapshot": True}, ""),
        ({"gtids": None}, ""),
        (None, ""),
    ],
)
def test_what_the_connector_has_read_is_told_and_nothing_before_its_snapshot_is_done(
    connect: Connect, offset: dict[str, Any] | None, read: str
) -> None:
    connect.states = [(200, {"offsets": [{"partition": {"server": "oboegaki"}, "offset": offset}]})]

    assert captured(connect.url, name="c") == read
    assert connect.asked == ["GET /connectors/c/offsets"]


def test_a_connector_without_offsets_has_read_nothing(connect: Connect) -> None:
    connect.states = [(200, {"offsets": []})]

    assert captured(connect.url) == ""


def test_a_worker_that_does_not_tell_how_far_it_is_is_unavailable(connect: Connect) -> None:
    connect.states = [BUSY]

    with pytest.raises(Unavailable, match="rebalance"):
        captured(connect.url)


def test_what_has_failed_is_restarted_and_nothing_else(connect: Connect) -> None:
    connect.states = [FAILED]
    mend(connect.url, name="c")
    connect.states = [RUNNING]
    mend(connect.url, name="c")

    restarts = [each for each in connect.asked if each.startswith("POST")]
    assert restarts == ["POST /connectors/c/restart?includeTasks=true&onlyFailed=true"]


@pytest.mark.parametrize("held", ["PAUSED", "STOPPED"])
def test_what_was_paused_or_stopped_by_hand_is_not_mended_though_its_task_has_failed(
    connect: Connect, held: str
) -> None:
    connect.states = [told(held, "FAILED")]

    mend(connect.url, name="c")

    assert connect.asked == ["GET /connectors/c/status"]


@pytest.mark.parametrize("held", ["PAUSED", "STOPPED"])
def test_what_was_paused_or_stopped_goes_on_at_the_next_registration(connect: Connect, held: str) -> None:
    connect.states = [told(held, "FAILED"), FAILED, RESTARTING, RUNNING]

    register(connect.url, CONFIG, soon(), name="c")

    changes = [each for each in connect.asked if not each.startswith("GET")]
    assert changes == [
        "PUT /connectors/c/config",
        "PUT /connectors/c/resume",
        "POST /connectors/c/restart?includeTasks=true&onlyFailed=true",
    ]


def test_mending_where_nobody_answers_or_all_are_busy_is_unavailable(connect: Connect) -> None:
    connect.states = [BUSY]

    for url in (connect.url, "http://127.0.0.1:1"):
        with pytest.raises(Unavailable):
            mend(url, name="c")


FILLED = {**CONFIG, "oboegaki.log.id": "1:1"}
ANOTHER = {**CONFIG, "oboegaki.log.id": "2:2"}


@pytest.mark.parametrize("known", [(404, {}), (200, FILLED), (200, CONFIG)], ids=["none", "the same", "unnamed"])
def test_a_connector_of_the_same_log_keeps_its_place(connect: Connect, known: tuple[int, Any]) -> None:
    connect.config = known

    register(connect.url, FILLED, soon(), name="c")

    assert [each for each in connect.asked if "offsets" in each or "stop" in each] == []


def test_where_the_log_was_made_anew_every_row_is_read_again(connect: Connect) -> None:
    connect.config = (200, FILLED)
    connect.taken = [BUSY, (204, {}), (400, {"message": "Tasks are still stopping"}), (200, {}), (202, {})]
    connect.states = [told("STOPPED"), told("RUNNING"), RUNNING]

    register(connect.url, ANOTHER, soon(), name="c")

    changes = [each for each in connect.asked if not each.startswith("GET")]
    assert changes == [
        *["PUT /connectors/c/stop"] * 2,
        *["DELETE /connectors/c/offsets"] * 2,
        "PUT /connectors/c/config",
        "PUT /connectors/c/resume",
    ]


def lost_history() -> tuple[int, dict[str, Any]]:
    trace = "DebeziumException: The db history topic is missing. You may attempt to recover it."
    return 200, {"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "FAILED", "trace": trace}]}


@pytest.mark.parametrize("at_the_start", [True, False])
def test_a_record_of_the_tables_that_is_gone_is_made_anew_from_them(connect: Connect, at_the_start: bool) -> None:
    connect.config = (200, FILLED)
    connect.states, connect.recovering = [lost_history()], [RUNNING]

    if at_the_start:
        register(connect.url, FILLED, soon(), name="c")
    else:
        mend(connect.url, name="c")

    assert connect.sent[-1] == {**FILLED, "snapshot.mode": "recovery"}
    assert not [each for each in connect.asked if each.startswith("POST")]


def test_the_mode_for_that_ends_where_it_is_on_and_nowhere_else(connect: Connect) -> None:
    recovering = {**FILLED, "snapshot.mode": "recovery"}
    connect.config = (200, recovering)
    assert settle(connect.url, name="c")
    assert connect.sent == [{**FILLED, "snapshot.mode": "when_needed"}]

    connect.config = (200, connect.sent[-1])
    assert not settle(connect.url, name="c")
    assert len(connect.sent) == 1


def test_a_mode_that_cannot_be_ended_now_is_unavailable(connect: Connect) -> None:
    connect.config, connect.puts = (200, {**FILLED, "snapshot.mode": "recovery"}), [BUSY]

    for url in (connect.url, "http://127.0.0.1:1"):
        with pytest.raises(Unavailable):
            settle(url, name="c")


def test_a_record_of_the_tables_that_cannot_be_made_anew_is_refused_with_the_cause(connect: Connect) -> None:
    connect.config = (200, FILLED)
    connect.states = [lost_history()]

    with pytest.raises(Refused, match="db history topic is missing"):
        register(connect.url, FILLED, soon(), name="c")
    assert len(connect.sent) == 2
