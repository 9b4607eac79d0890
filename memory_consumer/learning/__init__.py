"""From change events to facts records: the fold, the ledger of a partition, and its owner."""
