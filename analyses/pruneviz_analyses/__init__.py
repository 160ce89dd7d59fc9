"""The analyses: one module each, with the steps it requires, what it measures and the tables it writes."""
