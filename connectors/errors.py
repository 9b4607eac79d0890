"""What can go wrong with the connector, by what the caller may do.

ConnectorError
├── Unavailable  Kafka Connect did not answer in time: the same call may work later
└── Refused      the connector does not run as it is configured: the message has the cause
"""


class ConnectorError(Exception):
    """The connector is not running."""


class Unavailable(ConnectorError):
    """Kafka Connect did not answer in time."""


class Refused(ConnectorError):
    """Kafka Connect refused the configuration, or the connector failed with it."""
