"""`make test-containers`: an engine, images, and the tests on them; what pytest is given follows."""

import subprocess
import sys

from tests.containers import stand_ins
from tests.containers.engine import running_engine

#: What is run on each size of docker-compose.yml.
_SIZES = {
    "containers": ("tests/containers", "tests/contract", "tests/e2e"),
    "server": ("tests/containers/test_server.py", "tests/e2e"),
}


def main() -> int:
    """The exit status of the tests, or 1 where they cannot be run here."""
    try:
        with running_engine():
            made = [*stand_ins.make_missing(), *stand_ins.build()]
            stand_ins.build_earlier()
            if made:
                print(f"Stand-ins, for want of an image registry: {', '.join(made)}.")  # noqa: T201
            return max(_tests(size, *folders) for size, folders in _SIZES.items())
    except stand_ins.CannotMake as exc:
        print(exc)  # noqa: T201  it is what the command has to say
        return 1


def _tests(stack: str, *folders: str) -> int:
    # In a process of its own: pytest wants to import what it runs itself.
    told = [sys.executable, "-m", "pytest", "-q", *folders, "--stack", stack, *sys.argv[1:]]
    return subprocess.run(told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
