"""MySQL from Debian's unstable suite, unpacked into a folder: for Debian systems, whose own suites have none.

An apt of its own works in that folder, so nothing of the machine changes and no root is needed.
"""

import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from devstack import commands
from devstack.errors import Missing

_PACKAGES = ("mysql-server-core", "mysql-client-core")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_BY_HAND = (
    "Install MySQL 8.4 or later so that mysqld and mysql are on PATH: `brew install mysql` on macOS,"
    " `sudo dnf install mysql8.4-server mysql8.4` on Fedora, `sudo apt install mysql-server` on Ubuntu 25.04 or"
    " later, or MySQL's own packages."
)
#: The machine's own settings stay (a proxy, say), but not the hooks that clean its package cache.
_SETTINGS = """\
Dir "{root}";
Dir::State "var/lib/apt";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Cache "var/cache/apt";
Dir::Etc "etc/apt";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
"""


def missing_tools() -> list[str]:
    """What this machine lacks for unpacking Debian packages; empty where it can be done."""
    if platform.system() != "Linux":
        return ["Linux"]
    tools = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    return tools if tools or _KEYRING.exists() else ["debian-archive-keyring"]


def unpack_mysql(root: Path, scratch: Path, on_line: Callable[[str], None]) -> None:
    """Downloads MySQL's server and client and unpacks them into root; scratch can be thrown away afterwards.

    Raises Missing where that cannot be done on this machine, Failed where it went wrong.
    """
    lacking = missing_tools()
    if lacking:
        raise Missing(f"MySQL cannot be fetched here, for want of {' and '.join(lacking)}. {_BY_HAND}")
    unpack(_PACKAGES, "sid", root, scratch, on_line)


def unpack(packages: Sequence[str], suite: str, root: Path, scratch: Path, on_line: Callable[[str], None]) -> None:
    """Downloads packages of one of Debian's suites, with all that they need, and unpacks them into root.

    Raises Missing where this machine names no mirror, Failed where it went wrong.
    """
    settings = _private_apt(scratch, _mirror(), suite)
    # As -c, not as APT_CONFIG: only so are the machine's own settings read before ours.
    apt = ["apt-get", "-c", str(settings)]
    _run([*apt, "update"], on_line)
    _run([*apt, "install", "-y", "--download-only", *packages], on_line)
    fetched = sorted((scratch / "var/cache/apt/archives").glob("*.deb"))
    root.mkdir(parents=True)
    for package in fetched:
        on_line(f"Unpacking {package.name}")
        _run(["dpkg-deb", "-x", str(package), str(root)], on_line)


def _mirror() -> str:
    """Where the machine itself gets Debian from."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    mirrors = [uri for uri in listed if uri.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise Missing(f"This machine's package sources name no Debian mirror to fetch MySQL from. {_BY_HAND}")
    return mirrors[0]


def _private_apt(scratch: Path, mirror: str, suite: str) -> Path:
    for folder in ("var/lib/dpkg", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    for folder in ("sources.list.d", "apt.conf.d", "preferences.d", "auth.conf.d", "trusted.gpg.d"):
        (scratch / "etc/apt" / folder).mkdir(parents=True)
    (scratch / "var/lib/dpkg/status").touch()
    (scratch / "etc/apt/sources.list.d/sid.sources").write_text(
        f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nSigned-By: {_KEYRING}\n"
    )
    settings = scratch / "apt.conf"
    settings.write_text(_SETTINGS.format(root=scratch))
    return settings


def _run(command: Sequence[str], on_line: Callable[[str], None]) -> None:
    failure = f"{command[0]} failed, so packages of Debian could not be fetched."
    commands.run(command, failure=failure, on_line=on_line)
