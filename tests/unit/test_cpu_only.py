"""The image with sentence-transformers has a torch for the CPU, and nothing of GPUs."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
divide = runpy.run_path(str(ROOT / "deploy" / "cpu_only.py"))
REQUIREMENTS = (ROOT / "requirements-sentence-transformers.txt").read_text()


def test_torch_is_asked_for_by_its_version_and_comes_alone() -> None:
    [line] = divide["torch"](REQUIREMENTS).splitlines()

    assert line.startswith("torch==")
    assert "--hash" not in line


def test_the_others_keep_their_hashes_and_hold_nothing_of_gpus() -> None:
    others = divide["others"](REQUIREMENTS)

    assert "sentence-transformers==" in others
    assert "\ntorch==" not in others
    assert "nvidia" not in others
    assert others.count("==") <= others.count("--hash=sha256:")
