"""MySQL's three Python clients beside each other (docs/decisions/0002): committed single-row inserts per second.

Each measurement is a process of its own: whether the C extension loads depends on what was imported before it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.machine import this_machine
from benchmarks.mysql_inserts import Client
from chat_api.settings import Account
from tests.support.services import running_mysql, stack_settings

_ROUNDS = 3
_SECONDS = 5.0
_WIDTHS = (1, 8)
_TIMEOUT_S = 120
#: Loaded before anything loads the system's OpenSSL, the extension takes the one that comes with it.
_EXTENSION_FIRST = (
    "import _mysql_connector, runpy; runpy.run_module('benchmarks.mysql_inserts', run_name='__main__')"
)
_LOADS_BEHIND_SSL = "import ssl, mysql.connector as client; print(client.HAVE_CEXT, ssl.OPENSSL_VERSION)"
_LOADS_FIRST = (
    "import _mysql_connector, mysql.connector as client, ssl; print(client.HAVE_CEXT, ssl.OPENSSL_VERSION)"
)

Case = tuple[Client, int]


def main() -> None:
    """Starts a MySQL of its own and prints the rates and their ratios to the pure client's."""
    console = Console()
    behind, first = (_said([sys.executable, "-c", code], {}) for code in (_LOADS_BEHIND_SSL, _LOADS_FIRST))
    console.print(f"The C extension, loaded after ssl: {behind}; before it: {first}", markup=False)
    clients = [client for client in Client if client is not Client.EXTENSION or first.startswith("True")]
    with TemporaryDirectory() as home, running_mysql(stack_settings(Path(home))) as mysql:
        rounds = [_round(mysql.api, clients) for _ in range(_ROUNDS)]
    console.print(_table(rounds))
    console.print(str(this_machine()), style="dim", markup=False, highlight=False)


def _round(account: Account, clients: Sequence[Client]) -> dict[Case, float]:
    """Every client once; in turns, so that what else the machine does meets all of them."""
    return {(client, width): _rate(account, client, width) for width in _WIDTHS for client in clients}


def _rate(account: Account, client: Client, width: int) -> float:
    code = ["-c", _EXTENSION_FIRST] if client is Client.EXTENSION else ["-m", "benchmarks.mysql_inserts"]
    values = {
        "BENCH_MYSQL_PORT": str(account.port),
        "BENCH_MYSQL_USER": account.user,
        "BENCH_MYSQL_PASSWORD": account.password.get_secret_value(),
    }
    return float(_said([sys.executable, *code, client, str(width), str(_SECONDS)], values))


def _said(command: list[str], values: Mapping[str, str]) -> str:
    environment = {**os.environ, **values}
    done = subprocess.run(
        command, env=environment, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def _table(rounds: list[dict[Case, float]]) -> Table:
    table = Table(title=f"Committed single-row inserts per second, median of {len(rounds)}", title_justify="left")
    for heading in ("client", "threads or tasks", "rows/s", "least", "most", "of the pure client's"):
        table.add_column(heading, justify="left" if heading == "client" else "right")
    for client, width in rounds[0]:
        rates = [measured[client, width] for measured in rounds]
        ratios = [measured[client, width] / measured[Client.PURE, width] for measured in rounds]
        figures = (median(rates), min(rates), max(rates))
        table.add_row(client, str(width), *(f"{rate:,.0f}" for rate in figures), f"{median(ratios):.2f}")
    return table


if __name__ == "__main__":
    main()
