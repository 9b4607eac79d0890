"""The API over real rows and the fake store, and what the consumer would file in the latter."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from threading import Event
from typing import Any, Literal
from uuid import uuid4

import numpy as np
from fastapi.testclient import TestClient
from mysql.connector.connection import MySQLConnection
from numpy.typing import NDArray
from pydantic import SecretStr

from chat_api.app import create_app
from chat_api.messages import Message
from chat_api.rows.database import Database
from chat_api.rows.rows import Rows
from chat_api.settings import Account, ApiSettings
from memory_store.embed import embed
from memory_store.errors import Unavailable
from memory_store.fake import FakeStore, HashEmbedder
from memory_store.models import Filing, Memory, Profile, ProfileLine, Receipt, SourceRef, point_id
from memory_store.port import Embedder, MemoryStore
from memory_store.version import FiledVersion
from tests.support.deadline import DEADLINE_S

KEY = "oboegaki_test_0123456789"
EXTRACTOR = "offline-1"

#: When every profile was written.
KNOWN_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

_offsets = count()


@dataclass(frozen=True)
class MySql:
    """A running MySQL, as each of the accounts sees it."""

    root: Account
    migrate: Account
    api: Account
    readonly: Account


@contextmanager
def session(account: Account) -> Iterator[MySQLConnection]:
    """A session of that account, which commits each statement."""
    with closing(
        MySQLConnection(
            host=account.host,
            port=account.port,
            user=account.user,
            password=account.password.get_secret_value(),
            database=account.database,
            autocommit=True,
        )
    ) as connection:
        yield connection


def execute(account: Account, *statements: str) -> list[tuple[Any, ...]]:
    """Runs statements in one session of that account, and returns the rows of the last one."""
    with session(account) as connection:
        cursor = connection.cursor()
        found: list[Any] = []
        for statement in statements:
            cursor.execute(statement)
            found = cursor.fetchall() if cursor.description else []
        return found


def lock_waits(account: Account) -> int:
    """How many transactions wait for a lock at this moment.

    Not by information_schema.innodb_trx: it is read anew only for who has not looked for 0.1 s.
    """
    [(_, waits)] = execute(account, "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
    return int(waits)


def sessions(mysql: MySql, state: str | None = None) -> set[int]:
    """The API's sessions, or those of them in a state."""
    found = execute(mysql.root, "SHOW PROCESSLIST")
    return {int(str(row[0])) for row in found if row[1] == mysql.api.user and state in (None, row[6])}


def settings_for(account: Account, **changes: Any) -> ApiSettings:  # noqa: ANN401  any setting
    """The API's settings for an account."""
    return ApiSettings(
        api_key=SecretStr(KEY),
        mysql_host=account.host,
        mysql_port=account.port,
        mysql_password=account.password,
        **changes,
    )


def new_user() -> str:
    """A user that no other test has."""
    return f"user-{uuid4()}"


def new_store() -> FakeStore:
    """An empty store with a live version."""
    store = FakeStore()
    store.create("v1")
    store.activate("v1")
    return store


class AwayStore(FakeStore):
    """A store that cannot be reached until it is told to be back."""

    def __init__(self) -> None:
        super().__init__()
        self.create("v1")
        self.activate("v1")
        self.back = False

    def live(self) -> FiledVersion:
        if not self.back:
            raise Unavailable("The memories cannot be reached.")
        return super().live()


class AwayEmbedder(HashEmbedder):
    """An embedder that does not answer."""

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise Unavailable(f"The embedder did not answer for {len(texts)} texts.")


@dataclass(frozen=True)
class Api:
    """A client of the API and what stands behind it."""

    client: TestClient
    database: Database
    rows: Rows
    store: FakeStore

    def say(self, user: str, content: str, **more: object) -> int:
        """Posts a message and returns its id."""
        answer = self.client.post(
            "/v1/messages", json={"user_id": user, "role": "user", "content": content, **more}
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["message_id"])

    def learn(
        self,
        user: str,
        message_id: int,
        *texts: str,
        cites: Sequence[int] = (),
        supersedes: Sequence[str] = (),
        extractor: str = EXTRACTOR,
    ) -> list[str]:
        """Files facts (the whole content, if none are given) of a row as it is now; returns the memories' ids."""
        row = self.rows.get(user, message_id)
        sources = [row, *(self.rows.get(user, each) for each in cites)]
        memories = [
            replace(_memory(row, text, sources, extractor), supersedes=tuple(supersedes))
            for text in texts or (row.content,)
        ]
        self.file(receipt_for(row, facts=len(memories)), memories)
        return [memory.id for memory in memories]

    def learn_nothing(self, user: str, message_id: int) -> None:
        """Files that nothing was to be learned from a row as it is now."""
        self.file(receipt_for(self.rows.get(user, message_id)))

    def learn_deletion(self, user: str, message_id: int) -> None:
        """Files that a message is gone."""
        [receipt] = self.store.live().receipts([message_id]).values()
        assert receipt.user_id == user
        self.file(replace(receipt, state="deleted", facts=0, facts_offset=next(_offsets)))

    def file(self, receipt: Receipt, memories: Sequence[Memory] = ()) -> None:
        """Files a receipt with its memories."""
        filing = Filing(receipt=receipt, memories=tuple(memories))
        self.store.live().apply([filing], embed([filing], HashEmbedder()))

    def know(self, user: str, *lines: tuple[str, Sequence[int]], extractor: str = EXTRACTOR) -> None:
        """Files a profile: of each line its words and the messages, as they are now, of which it is a fact."""
        made = [
            _line([self.rows.get(user, each) for each in message_ids], text, extractor)
            for text, message_ids in lines
        ]
        self.store.live().apply_profiles([Profile(user, tuple(made), KNOWN_AT, next(_offsets))])

    def recall(self, user: str, query: str, **more: str | float) -> dict[str, Any]:
        """The answer of a recall."""
        answer = self.client.get("/v1/memories", params={"user_id": user, "query": query, **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def all_in_use(database: Database) -> Iterator[None]:
    """While it lasts, the one connection of the database's pool is lent."""
    lent, over = Event(), Event()

    def hold(_cursor: object) -> None:
        lent.set()
        assert over.wait(DEADLINE_S)

    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(database.transact, hold)
        try:
            assert lent.wait(DEADLINE_S)
            yield
        finally:
            over.set()
        holding.result(DEADLINE_S)


def gone(account: Account) -> Account:
    """The account, where nothing listens."""
    return replace(account, port=1)


def receipt_for(
    row: Message, *, facts: int = 0, state: Literal["learned", "deleted", "dead"] = "learned"
) -> Receipt:
    """A receipt for a row as it is now."""
    return Receipt(
        message_id=row.id,
        user_id=row.user_id,
        revision="" if state == "dead" else row.revision,
        state=state,
        facts=facts,
        learned_at=datetime.now(UTC),
        facts_offset=next(_offsets),
    )


@contextmanager
def serving(
    settings: ApiSettings,
    database: Database,
    store: MemoryStore,
    embedder: Embedder | None = None,
    **more: Any,  # noqa: ANN401  whatever create_app takes
) -> Iterator[TestClient]:
    """A client with the key, of an app that is up."""
    app = create_app(settings, database=database, store=store, embedder=embedder or HashEmbedder(), **more)
    headers = {"Authorization": f"Bearer {KEY}"}
    with TestClient(app, headers=headers, raise_server_exceptions=False) as client:
        yield client


def _line(rows: Sequence[Message], text: str, extractor: str) -> ProfileLine:
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return ProfileLine(
        text=text,
        refs=(f"{extractor}:{digest}",),
        sources=tuple(SourceRef(message_id=row.id, revision=row.revision) for row in rows),
        said_at=rows[0].said_at,
    )


def _memory(row: Message, text: str, sources: Sequence[Message], extractor: str) -> Memory:
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Memory(
        id=point_id(row.id, digest),
        message_id=row.id,
        user_id=row.user_id,
        conversation_id=row.conversation_id,
        text=text,
        context="",
        hash=digest,
        extractor=extractor,
        sources=tuple(SourceRef(message_id=source.id, revision=source.revision) for source in sources),
        supersedes=(),
        said_at=row.said_at,
        speaker=None,
        lang="en",
        role=row.role,
        learned_at=datetime.now(UTC),
    )
