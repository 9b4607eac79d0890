"""The edge: what a request has to be, the gates before it, and what an answer is."""
