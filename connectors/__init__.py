"""The Debezium connector: its jars, its configuration without secrets, its registration."""
