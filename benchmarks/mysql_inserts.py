"""One client of MySQL: single rows inserted and committed for a while, by threads or by tasks; prints how many."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from threading import Barrier
from typing import Any

import mysql.connector
import mysql.connector.aio
import typer

_INSERT = (
    "INSERT INTO messages (user_id, conversation_id, role, content, created_at, utc_offset_minutes)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
_CONTENT = "I moved to Kyoto last spring, and I drink green tea in the morning. " * 3
_ROW = ("bench", "c", "user", _CONTENT, "2026-03-02 09:00:00", 540)
_WARM_UP = 50


class Client(StrEnum):
    """What MySQL is spoken to with."""

    PURE = "pure"
    EXTENSION = "extension"
    ASYNCIO = "asyncio"


def main(client: Client, width: int, seconds: float) -> None:
    """Rows committed per second; where MySQL is comes in the environment."""
    if client is Client.ASYNCIO:
        rate = asyncio.run(_by_tasks(width, seconds))
    else:
        rate = _by_threads(width, seconds, use_pure=client is Client.PURE)
    print(rate)


def _by_threads(width: int, seconds: float, *, use_pure: bool) -> float:
    ready = Barrier(width)

    def insert(_: int) -> tuple[int, float]:
        # Without the extension, `use_pure=False` in so many words raises ImportError.
        with mysql.connector.connect(**_where(), use_pure=use_pure) as connection:
            cursor = connection.cursor()

            def once() -> None:
                cursor.execute(_INSERT, _ROW)
                connection.commit()

            for _ in range(_WARM_UP):
                once()
            ready.wait()
            return _counted(once, seconds)

    with ThreadPoolExecutor(width) as threads:
        counts = list(threads.map(insert, range(width)))
    return sum(count / took for count, took in counts)


def _counted(once: Callable[[], None], seconds: float) -> tuple[int, float]:
    start, count = time.perf_counter(), 0
    while (took := time.perf_counter() - start) < seconds:
        once()
        count += 1
    return count, took


async def _by_tasks(width: int, seconds: float) -> float:
    ready = asyncio.Barrier(width)
    counts = await asyncio.gather(*(_insert(ready, seconds) for _ in range(width)))
    return sum(count / took for count, took in counts)


async def _insert(ready: asyncio.Barrier, seconds: float) -> tuple[int, float]:
    connection = await mysql.connector.aio.connect(**_where())
    cursor = await connection.cursor()
    count, start, warm = 0, 0.0, -_WARM_UP
    for count in range(warm, 10**9):
        if count == 0:
            await ready.wait()
            start = time.perf_counter()
        if count >= 0 and time.perf_counter() - start >= seconds:
            break
        await cursor.execute(_INSERT, _ROW)
        await connection.commit()
    took = time.perf_counter() - start
    await cursor.close()
    await connection.close()
    return count, took


def _where() -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": int(os.environ["BENCH_MYSQL_PORT"]),
        "user": os.environ["BENCH_MYSQL_USER"],
        "password": os.environ["BENCH_MYSQL_PASSWORD"],
        "database": "chat",
    }


if __name__ == "__main__":
    typer.run(main)
