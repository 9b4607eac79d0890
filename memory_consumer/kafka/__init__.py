"""Kafka as the consumer uses it: accounts, topics, reading and writing logs, and its errors as ours."""
