"""Words for times, and the periods that they name: one module per language."""
