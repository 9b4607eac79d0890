"""The rows in MySQL: the schema, connections, and the statements of users, conversations and messages."""
