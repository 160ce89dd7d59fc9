"""Pure formulas on NumPy arrays: no files, no models, no tables."""
