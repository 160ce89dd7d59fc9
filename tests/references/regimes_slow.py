"""Linear mode connectivity written again from its definition."""

from __future__ import annotations


def lmc(errors):
    middle = 0.5 * (errors[0] + errors[-1])
    best = 0
    for i, e in enumerate(errors):
        if abs(middle - e) > abs(middle - errors[best]):
            best = i
    return middle - errors[best], best / (len(errors) - 1)


def normalised(errors):
    """A list of rows; None where not known."""
    out = [[None] * len(row) for row in errors]
    for j in range(len(errors[0])):
        known = [row[j] for row in errors if row[j] is not None]
        for i, row in enumerate(errors):
            if row[j] is not None and max(known) > min(known):
                out[i][j] = (row[j] - min(known)) / (max(known) - min(known))
    return out
