"""The machine that figures were measured on: without it they say little."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

_CPUS = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """Its size, and how busy it was over the last minute."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load: float

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gib:.1f} GiB; {self.system}; Python {self.python};"
            f" load average {self.load:.2f}"
        )


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        cpu=_model(),
        cores=os.cpu_count() or 1,
        memory_gib=psutil.virtual_memory().total / 2**30,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load=psutil.getloadavg()[0],
    )


def rss_mib() -> float:
    """Memory that this process has in use."""
    return float(psutil.Process().memory_info().rss / 2**20)


def _model() -> str:
    lines = _CPUS.read_text().splitlines() if _CPUS.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown CPU"
