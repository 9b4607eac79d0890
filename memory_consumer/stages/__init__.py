"""What every stage does: batches by partition, staying in the group, tries, setting aside."""
