"""Forgetting for good: what was asked, and how far each part that held it has got."""
