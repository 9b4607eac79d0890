"""Chat: what was said becomes a row, a reply is made from what is remembered, and becomes a row too."""
