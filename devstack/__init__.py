"""The stack without containers: MySQL, Kafka and Kafka Connect as plain processes of one folder."""
