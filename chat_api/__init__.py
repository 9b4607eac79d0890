"""chat_api: the chat path. HTTP in, rows in MySQL out; recall reads what was learned from them."""
