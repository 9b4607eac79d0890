"""How often each key may ask, counted in this process or, where several share the limits, in Redis."""

import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from limits import parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from chat_api.errors import Refused

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

_log = logging.getLogger(__name__)

#: A Redis that does not answer at once holds no request up for longer, and is not asked again for so long.
_ANSWER_S = 0.5
_AWAY_S = 5.0


class Rates:
    """Counts requests by key. While Redis is away, this process counts by itself, so no request is lost by it."""

    def __init__(
        self, limit: str, redis: str | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`limit` is such as `600/minute`. Raises Refused where Redis is named and its client is not installed."""
        self.limit = parse(limit)
        self._monotonic = monotonic
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._pool: ConnectionPool | None = None if redis is None else _pool(redis)
        self._shared = None if self._pool is None else SlidingWindowCounterRateLimiter(_storage(self._pool))
        self._away_until = float("-inf")

    async def wait_s(self, key_id: str) -> int:
        """Counts a request; 0 where it may go on, else after how many seconds it may be tried again."""
        if self._shared is not None and self._monotonic() >= self._away_until:
            try:
                return await self._counted(self._shared, key_id)
            except StorageError as exc:
                self._away_until = self._monotonic() + _AWAY_S
                cause = type(exc.storage_error).__name__
                _log.warning("Redis is away (%s), so this process counts by itself.", cause)
        return await self._counted(self._here, key_id)

    async def close(self) -> None:
        """Leaves Redis."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _counted(self, by: SlidingWindowCounterRateLimiter, key_id: str) -> int:
        if await by.hit(self.limit, key_id):
            return 0
        until = (await by.get_window_stats(self.limit, key_id)).reset_time
        return min(max(1, math.ceil(until - time.time())), self.limit.get_expiry())


def _pool(address: str) -> Any:  # noqa: ANN401  a ConnectionPool of an extra
    try:
        from redis.asyncio import ConnectionPool  # noqa: PLC0415  an extra: only where it is set
    except ModuleNotFoundError as exc:
        raise Refused(
            "OBOEGAKI_RATE_LIMIT_STORAGE names a Redis, and its client is not installed:"
            " pip install 'oboegaki[redis]'."
        ) from exc
    return ConnectionPool.from_url(address, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S)


def _storage(pool: Any) -> RedisStorage:  # noqa: ANN401  a ConnectionPool of an extra
    return RedisStorage(
        "async+redis://",
        implementation="redispy",
        connection_pool=pool,
        key_prefix="oboegaki",
        wrap_exceptions=True,
    )
