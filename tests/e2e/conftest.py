"""The whole stack, started once per run: by the command itself, or by docker compose, or there already."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.containers.composed import composed_instance
from tests.support.instance import ExistingInstance, RunningInstance, instance_at

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips what cannot be done to the stack that was chosen."""
    kind = kind_of(config)
    for item in items:
        marker = item.get_closest_marker("stacks")
        fits = kind in ("native", *(marker.args if marker else ()))
        if Path(__file__).parent in item.path.parents and not fits:
            item.add_marker(pytest.mark.skip(reason=_CANNOT[kind]))


_FAILED = pytest.StashKey[bool]()

_CANNOT = {
    "containers": "It starts parts or servers that are not in containers: only with --stack native.",
    "server": "It is for one process that owns its store: only with --stack native or containers.",
    "existing": "It starts, stops or looks into the parts, which is not for a test to do to an instance in use.",
}


def kind_of(config: pytest.Config) -> str:
    """What kind of stack `--stack` names."""
    named: str = config.getoption("--stack")
    if named in ("native", "containers", "server"):
        return named
    if not named.startswith(("http://", "https://")):
        raise pytest.UsageError(f"--stack {named}: is native, containers, server or the address of an instance.")
    return "existing"


@pytest.fixture(scope="session")
def instance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningInstance]:
    """MySQL, Kafka and Connect are up; each test starts and stops the one process as it needs it."""
    kind = kind_of(request.config)
    if kind in ("containers", "server"):
        with composed_instance(size="server" if kind == "server" else "small") as composed:
            yield composed
        return
    if kind == "existing":
        yield ExistingInstance(request.config.getoption("--stack"))
        return
    with instance_at(tmp_path_factory.mktemp("instance") / "home") as made:
        made.command("up")
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes which tests failed, for what they share."""
    report = yield
    if call.excinfo is not None:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test leaves settings to nobody, and the one process only to one that wants it as it serves by itself."""
    if "instance" not in request.fixturenames:
        yield
        return
    shared: RunningInstance = request.getfixturevalue("instance")
    shares = "serving" in request.fixturenames
    if not shares:
        shared.stop_serving()
    yield
    if not shares or shared.settings or request.node.stash.get(_FAILED, False):
        shared.settings.clear()
        shared.stop_serving()


@pytest.fixture
def serving(instance: RunningInstance) -> RunningInstance:
    """The one process serves; it may have served the test before."""
    if not instance.serves():
        instance.serve()
    return instance


@pytest.fixture
def data() -> Path:
    """Real conversations, which do not come with the project."""
    if not DATA.is_dir():
        pytest.skip(f"There are no conversations in {DATA}: they are not part of the project.")
    return DATA
