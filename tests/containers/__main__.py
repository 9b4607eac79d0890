"""`make test-containers`: an engine, images, and the tests on them; what pytest is given follows."""

import subprocess
import sys

from tests.containers import stand_ins
from tests.containers.engine import running_engine


def main() -> int:
    """The exit status of the tests, or 1 where they cannot be run here."""
    try:
        with running_engine():
            made = stand_ins.make_missing()
            if made:
                print(f"Stand-ins, for want of an image registry: {', '.join(made)}.")  # noqa: T201
            stand_ins.build()
            # In a process of its own: pytest wants to import what it runs itself.
            tests = ["tests/containers", "tests/e2e", "--stack", "containers", *sys.argv[1:]]
            return subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], check=False).returncode
    except stand_ins.CannotMake as exc:
        print(exc)  # noqa: T201  it is what the command has to say
        return 1


if __name__ == "__main__":
    sys.exit(main())
