"""One instance: its settings and secrets, put together from the environment and its home folder."""

import os
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError

from chat_api.settings import DATABASE, Account, ApiSettings
from devstack import kafka, secrets
from devstack.secrets import Secrets
from devstack.settings import StackSettings
from memory_consumer.settings import ConsumerSettings
from memory_store.settings import EmbedderSettings
from oboegaki.errors import CommandError


@dataclass(frozen=True, slots=True)
class Instance:
    """What every role of one instance is set to."""

    stack: StackSettings
    secrets: Secrets
    api: ApiSettings
    consumer: ConsumerSettings
    embedder: EmbedderSettings

    def migrator(self) -> Account:
        """The account that makes the tables."""
        return Account(
            host=self.api.mysql_host,
            port=self.api.mysql_port,
            database=DATABASE,
            user="oboegaki_migrate",
            password=self.secrets.mysql_migrate,
        )


def load() -> Instance:
    """The instance of `OBOEGAKI_HOME`; its secrets are made if it is new. Raises CommandError and StackError."""
    try:
        stack = StackSettings()
        kept = secrets.load_or_create(stack.home)
        api = ApiSettings(
            **_unless_set(
                api_key=kept.api_key,
                mysql_port=stack.mysql_port,
                mysql_password=kept.mysql_api,
            )
        )
        consumer = _consumer(stack, kept)
        embedder = EmbedderSettings()
    except ValidationError as exc:
        raise CommandError(_complaint(exc)) from None  # the cause would quote what was set, secrets too
    return Instance(stack, kept, api, consumer, embedder)


def _consumer(stack: StackSettings, kept: Secrets) -> ConsumerSettings:
    found = ConsumerSettings(home=stack.home, **_unless_set(kafka=stack.kafka()))
    if found.kafka != stack.kafka():
        # Somebody else's: our password is none of its business.
        return found
    return found.model_copy(update=_unless_set(kafka_user=kafka.CLIENT, kafka_password=kept.kafka))


def _unless_set(**defaults: SecretStr | int | str) -> dict[str, Any]:
    # What is passed in goes before the environment, so only what the environment leaves open is.
    return {name: value for name, value in defaults.items() if f"OBOEGAKI_{name.upper()}" not in os.environ}


def _complaint(exc: ValidationError) -> str:
    lines = []
    for error in exc.errors(include_input=False, include_context=False, include_url=False):
        name = f"OBOEGAKI_{'_'.join(str(part) for part in error['loc']).upper()}"
        lines.append(f"{name if error['loc'] else 'The settings'}: {error['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)
