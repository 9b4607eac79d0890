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
from memory_store.settings import EmbedderSettings, StoreSettings
from oboegaki.errors import CommandError
from oboegaki.settings import MetricsSettings

_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Instance:
    """What every role of one instance is set to."""

    stack: StackSettings
    secrets: Secrets
    api: ApiSettings
    consumer: ConsumerSettings
    embedder: EmbedderSettings
    store: StoreSettings
    metrics: MetricsSettings

    def has_own_kafka(self) -> bool:
        """Whether its Kafka is the one that it starts, and not somebody else's."""
        return self.consumer.kafka == self.stack.kafka()

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
    """The instance of `OBOEGAKI_HOME`; its secrets are made if it is new. Raises CommandError and StackError.

    Secrets of another home (`OBOEGAKI_SECRETS_HOME`) are read only.
    """
    try:
        stack = StackSettings()
        kept = secrets.load(stack.secrets_home) if stack.secrets_home else secrets.load_or_create(stack.home)
        api = ApiSettings(
            **_unless_set(
                api_key=kept.api_key,
                mysql_host=stack.host("mysql"),
                mysql_port=stack.mysql_port,
                mysql_password=kept.mysql_api,
            )
        )
        consumer = _consumer(stack, kept)
        embedder = EmbedderSettings()
        store = StoreSettings(**(_unless_set(qdrant_api_key=kept.qdrant) if stack.containers else {}))
        metrics = MetricsSettings()
    except ValidationError as exc:
        raise CommandError(_complaint(exc)) from None  # the cause would quote what was set, secrets too
    return Instance(stack, kept, api, consumer, embedder, store, metrics)


def _consumer(stack: StackSettings, kept: Secrets) -> ConsumerSettings:
    found = ConsumerSettings(home=stack.home, **_unless_set(kafka=stack.kafka()))
    if not _is_own(found.kafka, stack):
        # Somebody else's: our password is none of its business.
        return found
    if found.kafka_user or found.kafka_password.get_secret_value():
        raise CommandError(
            "OBOEGAKI_KAFKA_USER and OBOEGAKI_KAFKA_PASSWORD are for a Kafka of somebody else's; oboegaki's own"
            " gets an account by itself. Unset both, or set OBOEGAKI_KAFKA to the other Kafka's address."
        )
    own = {"kafka": stack.kafka(), "kafka_user": kafka.CLIENT, "kafka_password": kept.kafka}
    return found.model_copy(update=own)


def _is_own(addresses: str, stack: StackSettings) -> bool:
    """Whether all of them are where our own Kafka listens, however this machine is spelled."""
    if stack.containers:
        return addresses == stack.kafka()
    hosts_and_ports = (address.strip().rpartition(":") for address in addresses.split(","))
    return all(
        host.lower() in _THIS_MACHINE and port == str(stack.kafka_port) for host, _, port in hosts_and_ports
    )


def _unless_set(**defaults: SecretStr | int | str) -> dict[str, Any]:
    # What is passed in goes before the environment, so only what the environment leaves open, or empty, is.
    return {name: value for name, value in defaults.items() if not os.environ.get(f"OBOEGAKI_{name.upper()}")}


def _complaint(exc: ValidationError) -> str:
    lines = []
    for error in exc.errors(include_input=False, include_context=False, include_url=False):
        name = f"OBOEGAKI_{'_'.join(str(part) for part in error['loc']).upper()}"
        lines.append(f"{name if error['loc'] else 'The settings'}: {error['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)
