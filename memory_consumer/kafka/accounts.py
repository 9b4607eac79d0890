"""The account at Kafka that the settings name, with their password."""

import stamina
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from pydantic import SecretStr

from memory_consumer.errors import Transient
from memory_consumer.kafka.errors import translated
from memory_consumer.settings import ConsumerSettings

#: The least that Kafka takes. A password of 192 random bits needs no more.
_ITERATIONS = 4096
_TIMEOUT_S = 10.0


def ensure(settings: ConsumerSettings, *, admin: str, password: SecretStr) -> None:
    """Makes the account or sets its password; returns once it is let in. Twice is once. Raises Transient.

    `admin` is an account whose password is said to Kafka as it is: to be called for one's own Kafka only.
    """
    login = {"sasl.mechanism": "PLAIN", "sasl.username": admin, "sasl.password": password.get_secret_value()}
    own = AdminClient(settings.client() | login)
    wanted = UserScramCredentialUpsertion(
        settings.kafka_user,
        ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS),
        settings.kafka_password.get_secret_value().encode(),
    )
    with translated():
        own.alter_user_scram_credentials([wanted])[settings.kafka_user].result(_TIMEOUT_S)
    # The controller has it; the broker hears of it a moment later.
    for attempt in stamina.retry_context(
        on=Transient, attempts=None, timeout=_TIMEOUT_S, wait_initial=0.02, wait_max=0.5, wait_jitter=0.05
    ):
        with attempt, translated():
            AdminClient(settings.client()).list_topics(timeout=1.0)
