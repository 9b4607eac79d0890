"""The memories: embedders, versions behind an alias, receipts, recall. In the process or on a Qdrant server."""
