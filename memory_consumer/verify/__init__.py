"""Whether rows, logs and memories agree, message by message; and mending what does not."""
