"""Weights on a path from input to output, by listing every path through a small network, one position at a time.

A network is a list of edges (from, to, weight): places are (layer, channel, row, column), and the weight is (parameter,
index) where an edge carries one, None where it merely passes on.
"""

from __future__ import annotations

import itertools


def convolution(name, kept, size, at, to, stride=1, padding=0, groups=1):
    """Edges of a convolution's kept weights from places of ``at`` to places of ``to``; the output's size."""
    outputs, inputs, high, wide = kept.shape
    rows, columns = ((n + 2 * padding - k) // stride + 1 for n, k in zip(size, (high, wide), strict=True))
    edges = []
    for o, i, y, x in itertools.product(range(outputs), range(inputs), range(high), range(wide)):
        if not kept[o, i, y, x]:
            continue
        channel = i + (o // (outputs // groups)) * inputs
        for r, c in itertools.product(range(rows), range(columns)):
            row, column = r * stride + y - padding, c * stride + x - padding
            if 0 <= row < size[0] and 0 <= column < size[1]:
                edges.append(((at, channel, row, column), (to, o, r, c), (name, (o, i, y, x))))
    return edges, (rows, columns)


def pooling(channels, size, window, at, to):
    rows, columns = (n // window for n in size)
    places = itertools.product(range(channels), range(rows * window), range(columns * window))
    return [((at, c, y, x), (to, c, y // window, x // window), None) for c, y, x in places], (rows, columns)


def passing(channels, size, at, to, kept=None):
    """Each place to itself, of the channels that are kept: batch norm, activations, one arm of a sum."""
    places = itertools.product(range(channels), range(size[0]), range(size[1]))
    return [((at, c, y, x), (to, c, y, x), None) for c, y, x in places if kept is None or kept[c]]


def flattening(channels, size, at, to):
    places = list(itertools.product(range(channels), range(size[0]), range(size[1])))
    return [((at, *place), (to, i, 0, 0), None) for i, place in enumerate(places)]


def linear(name, kept, at, to):
    outputs, inputs = kept.shape
    pairs = itertools.product(range(outputs), range(inputs))
    return [((at, i, 0, 0), (to, o, 0, 0), (name, (o, i))) for o, i in pairs if kept[o, i]]


def connected(edges, first, last):
    """The weights on any path from a place of ``first`` to a place of ``last``, every path walked by itself."""
    leaving = {}
    for a, b, weight in edges:
        leaving.setdefault(a, []).append((b, weight))
    found = set()

    def walk(place, weights):
        if place[0] == last:
            found.update(weights)
            return
        for to, weight in leaving.get(place, []):
            walk(to, [*weights, weight] if weight is not None else weights)

    for place in {a for a, _, _ in edges if a[0] == first}:
        walk(place, [])
    return found


def touched(edges, first, backwards=False):
    """The weights of edges that begin where something of ``first`` arrives (or, backwards, end where it leads)."""
    if backwards:
        edges = [(b, a, w) for a, b, w in edges]
    there = {a for a, _, _ in edges if a[0] == first}
    while True:
        more = there | {b for a, b, _ in edges if a in there}
        if more == there:
            return {w for a, _, w in edges if a in there and w is not None}
        there = more
