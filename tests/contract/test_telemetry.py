"""Nothing leaves this machine: no library under the stores reports anything to anyone."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_stores_and_the_bundled_embedder_reach_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.contract.quiet_session", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("nobody", 0), done.stderr
