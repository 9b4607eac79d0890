"""What the containers of MySQL, Kafka and Kafka Connect start with: a folder each, which is a volume of its own.

Each is laid out as in the home of the native stack, with the same configuration, and has a `start.sh`; so no
password is in an image, on a command line or in a container's environment, and no image's own way of starting is
relied on. What a folder holds is for its container's user only.
"""

import base64
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack import connect, files, kafka, mysql
from devstack.secrets import Secrets
from devstack.settings import StackSettings

#: Who runs what in docker-compose.yml: mostly the users that the images have.
USERS = {"mysql": 999, "kafka": 1000, "connect": 1001, "qdrant": 1000, "grafana": 472, "oboegaki": 10001}

#: Where the images keep their jars.
_KAFKA_JARS = "/opt/kafka/libs/*"
_CONNECT_JARS = "/kafka/libs/*"
_PLUGIN = "/kafka/connect/debezium-connector-mysql"

#: Of what makes its data aside and renames it, so that data is whole or absent. What a container is given as
#: arguments is given to the program.
_START = """\
set -e
cd {folder}
{before}
if [ ! -d data ]; then
    rm -rf data.new
    {make}
    mv data.new data
fi
exec {run} "$@"
"""


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    scripts: Callable[[StackSettings, Secrets, Path], Mapping[str, str]]


def write(settings: StackSettings, secrets: Secrets) -> None:
    """Writes every folder anew but for its data, and gives each, and the home, to the user of its container.

    To be called before the containers start, by whoever may give files away. What else a user has put into its
    folder is left as it is: no link of theirs is followed.
    """
    for part in _PARTS:
        folder = settings.home / part.name
        folder.mkdir(mode=0o700, exist_ok=True)
        # What is written there belongs to the folder's owner.
        files.give_away(folder, USERS[part.name])
        for name, text in part.scripts(settings, secrets, folder).items():
            files.replace(folder / name, text)
    for path in (settings.home, settings.home / "secrets.json"):
        files.give_away(path, USERS["oboegaki"])


def _mysql(settings: StackSettings, secrets: Secrets, folder: Path) -> dict[str, str]:
    server = ["mysqld", f"--defaults-file={mysql.write_config(settings, secrets, None)}"]
    start = _START.format(
        folder=folder,
        # A killed server leaves these behind.
        before="rm -f mysql.sock mysql.sock.lock",
        make=shlex.join([*server, f"--datadir={folder / 'data.new'}", "--initialize-insecure"]),
        run=shlex.join(server),
    )
    ask = ["mysql", f"--defaults-file={folder / 'client.cnf'}", "--no-login-paths", "-e", "SELECT 1"]
    return {"start.sh": start, "health.sh": f"exec {shlex.join(ask)}\n"}


def _kafka(settings: StackSettings, secrets: Secrets, folder: Path) -> dict[str, str]:
    start = _START.format(
        folder=folder,
        before="",
        make=shlex.join(kafka.format_command(settings, secrets, _KAFKA_JARS, folder)),
        run=shlex.join(kafka.server_command(settings, secrets, _KAFKA_JARS, folder)),
    )
    # Whether topics can be made is seen by who makes them: Kafka's own tools take seconds of a core.
    return {"start.sh": start, "health.sh": f"exec 3<>/dev/tcp/127.0.0.1/{settings.kafka_port}\n"}


def _qdrant(_settings: StackSettings, secrets: Secrets, folder: Path) -> dict[str, str]:
    config = {
        "service": {"api_key": secrets.qdrant.get_secret_value()},
        "storage": {"storage_path": str(folder / "data"), "snapshots_path": str(folder / "snapshots")},
        "telemetry_disabled": True,
    }
    # JSON is YAML, too.
    ask = (
        "exec 3<>/dev/tcp/127.0.0.1/6333\n"
        "printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3\n"
        "read -r answer <&3\n"
        '[[ "$answer" == *" 200 "* ]]\n'
    )
    return {
        "config.yaml": json.dumps(config, indent=2),
        "start.sh": f"cd {folder}\nexec /qdrant/qdrant --config-path {folder / 'config.yaml'}\n",
        "health.sh": ask,
    }


def _connect(settings: StackSettings, secrets: Secrets, folder: Path) -> dict[str, str]:
    # The image has every connector of Debezium's beside ours, which would all be loaded.
    plugins = folder / "plugins"
    command = connect.worker_command(settings, secrets, _CONNECT_JARS, plugins)
    login = base64.b64encode(":".join(connect.auth(secrets)).encode()).decode()
    request = ("GET /health HTTP/1.0", f"Authorization: Basic {login}", "", "")
    health = (
        f"exec 3<>/dev/tcp/127.0.0.1/{settings.connect_port}\n"
        f"cat {shlex.quote(str(folder / 'health.http'))} >&3\n"
        "read -r answer <&3\n"
        '[[ "$answer" == *" 200 "* ]]\n'
    )
    return {
        "start.sh": (
            f"set -e\ncd {folder}\nmkdir -p {plugins}\nln -sfn {_PLUGIN} {plugins}\nexec {shlex.join(command)}\n"
        ),
        "health.sh": health,
        "health.http": "\r\n".join(request),
    }


def _grafana(_settings: StackSettings, secrets: Secrets, _folder: Path) -> dict[str, str]:
    # Its own image starts it; all that it lacks is a password that is not known to everybody.
    return {"admin_password": secrets.grafana.get_secret_value()}


_PARTS = (
    _Part("mysql", _mysql),
    _Part("kafka", _kafka),
    _Part("connect", _connect),
    _Part("qdrant", _qdrant),
    _Part("grafana", _grafana),
)
