"""A turn of chat from what was said to the reply: rows in threads, the model on the event loop."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack

from starlette.concurrency import run_in_threadpool

from chat_api import patience, unforeseen
from chat_api.auth.callers import Caller
from chat_api.chat.limit import Limit
from chat_api.chat.repeats import UnderWay
from chat_api.chat.repliers import Replier
from chat_api.chat.streaming import Channel, Delta, Done, Event, Failed, Recalled, Received, Tasks
from chat_api.chat.turns import Answer, Begun, Saying, Turns
from chat_api.errors import ChatError, Faulty


class Chat:
    """Talks with users. Raises Unavailable, TooMany, Busy, Gone, and NoReply, where what was said is kept."""

    def __init__(self, turns: Turns, replier: Replier, limit: Limit) -> None:
        self._turns = turns
        self._replier = replier
        self._limit = limit
        self._under_way = UnderWay()
        self._tasks = Tasks()

    async def answer(self, saying: Saying, caller: Caller) -> Answer:
        """The reply, whole. It is written even where nobody waits for it any more."""
        with self._limit.one(caller), self._under_way.holding(saying.user_id, saying.named):
            begun = await run_in_threadpool(self._turns.begin, saying)
            if isinstance(begun, Answer):
                return begun
            text = await self._replier.reply(begun.prompt)
            return await run_in_threadpool(patience.unhurried(self._turns.finish), begun, text)

    async def stream(self, saying: Saying, caller: Caller) -> Received[Event] | AsyncGenerator[Event, None]:
        """The events of a reply, once what was said is written.

        The model is read to the end also where the client has left: the reply is there when it comes back.
        """
        with ExitStack() as until_begun:
            until_begun.enter_context(self._limit.one(caller))
            until_begun.enter_context(self._under_way.holding(saying.user_id, saying.named))
            begun = await run_in_threadpool(self._turns.begin, saying)
            if isinstance(begun, Answer):
                return _given_before(begun)
            channel: Channel[Event] = Channel()
            self._tasks.start(self._reply(begun, channel, until_begun.pop_all()))
            return channel.received()

    async def close(self) -> None:
        """Waits for the replies under way, not for long."""
        await self._tasks.close()

    async def _reply(self, begun: Begun, channel: Channel[Event], held: ExitStack) -> None:
        with held:
            await channel.send(Recalled(begun))
            try:
                text = ""
                async for piece in self._replier.deltas(begun.prompt):
                    text += piece
                    await channel.send(Delta(piece))
                answer = await run_in_threadpool(patience.unhurried(self._turns.finish), begun, text)
                last: Event = Done(answer)
            except ChatError as exc:
                last = Failed(exc)
            except Exception as exc:  # noqa: BLE001  a task's boundary: nobody else would tell the client
                unforeseen.log(exc)
                last = Failed(Faulty("Something went wrong here. The log tells where."))
        # Whoever is told that it is done may ask for the same again.
        await channel.send(last)
        await channel.send(None)


async def _given_before(answer: Answer) -> AsyncGenerator[Event, None]:
    yield Recalled(answer)
    yield Delta(answer.text)
    yield Done(answer)
