"""Files that can be imported: which they are, told by their content, and the messages in them."""
