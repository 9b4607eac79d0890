"""Containers of docker-compose.yml, started once per run as users start them."""

from collections.abc import Iterator

import pytest

from tests.containers.composed import ComposedInstance, composed_instance


@pytest.fixture(scope="session")
def composed(request: pytest.FixtureRequest) -> Iterator[ComposedInstance]:
    """All containers, healthy. Each test leaves them so."""
    if request.config.getoption("--stack") != "containers":
        pytest.skip("Containers are started only with --stack containers: `make test-containers`.")
    with composed_instance("oboegaki-test-containers") as made:
        yield made
