"""Options of the tests, and an end that leaves nothing running."""

import os
import signal
from pathlib import Path

import pytest

try:
    import hypothesis
except ModuleNotFoundError:
    # The environment of sentence-transformers has no property tests.
    pass
else:
    # Machines are shared: how long an example takes is nothing that a test may fail by.
    _slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=_slow)
    hypothesis.settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    chaos = parser.getgroup("chaos", "tests/chaos")
    chaos.addoption("--kills", type=int, default=4, help="how often parts are killed, stopped or starved")
    chaos.addoption("--moves", type=int, default=3, help="how often consumers join and leave")
    chaos.addoption("--lives", type=int, default=36, help="how many lives of the consumer end at a crash point")
    chaos.addoption(
        "--seed", type=int, default=None, help="repeats what was drawn by lot; every run tells its own"
    )
    chaos.addoption("--report", type=Path, default=None, help="file for the kills and their recoveries, as JSON")

    parser.addoption(
        "--stack",
        default="native",
        metavar="native|containers|server|URL",
        help="what the end-to-end tests run against: processes of their own, the containers of docker-compose.yml"
        " in its small size or its server size, or an instance that is there already (key in OBOEGAKI_API_KEY)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "stacks(*kinds): what a test of tests/e2e runs against, but for native")
    # Kafka and Kafka Connect are started often and do little: compiling them well takes longer than it saves.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    # Whoever ends the tests from outside gets what Ctrl-C gets: servers that were started for them are ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
