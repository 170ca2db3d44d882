"""Minimum spanning trees under mutual reachability, exact, in n log n: what HDBSCAN builds its hierarchy from.

The mutual reachability of two points is the largest of their distance and their two core distances; the core distance
of a point is that to its k-th nearest point, itself among these. Borůvka's rounds over a k-d tree find which edges a
shortest tree needs (March, Ram and Gray 2010, "Fast Euclidean minimum spanning tree", 10.1145/1835804.1835882). Many
edges are equally long, as all that leave a point within its core distance are; Prim's algorithm, run on the edges
found and on those within core distances alone, chooses among them as it would among all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from locgraph.preparation.clustering.dbscan import root
from locgraph.preparation.kd_tree import LEAF, Tree, build_tree, square_between, square_to_box


class SpanningTree(NamedTuple):
    """Edges of a tree of N points, in the order in which Prim's algorithm adds them, from row 0 on.

    Attributes:
        sources: Row of each edge that was in the tree before (N - 1,) int64.
        targets: Row that the edge adds (N - 1,) int64.
        lengths: Mutual reachability of the two (N - 1,) float64 nm.
    """

    sources: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray


def span_points(points: np.ndarray, k: int) -> SpanningTree:
    """Return the minimum spanning tree under mutual reachability.

    Args:
        points: Positions (N, D) float64 nm, N at least 2 and below 2^31.
        k: Points within the core distance, the point itself among them, from 1 to N.

    Returns:
        The tree that Prim's algorithm makes of all pairs. Where distances of several pairs are exactly equal, another
        one of the equally short trees may come out, always the same for the same rows.
    """
    tree = build_tree(points, LEAF)
    near = np.full((len(points), k), -1, dtype=np.int32)
    core = _core_squares(tree, near)
    starts, ends = _list_edges(tree.points, core, near, *_boruvka(tree, core, near))
    del near  # memory, in large fields of view
    return SpanningTree(*_prim(tree, core, starts, ends))


@numba.njit(cache=True)
def _core_squares(tree: Tree, near: np.ndarray) -> np.ndarray:
    """Return the squared core distances (N,), and fill in the k nearest points of each point (N, k)."""
    n, k = near.shape
    core = np.empty(n)
    squares = np.empty(k)
    stack = np.empty(128, dtype=np.int64)
    leaves = len(tree.starts) // 2
    for leaf in range(leaves, 2 * leaves):
        for i in range(tree.starts[leaf], tree.stops[leaf]):
            squares[:] = np.inf
            _look_into(tree, i, leaf, squares, near[i], stack)
            node = leaf
            while node > 1:
                _look_into(tree, i, node ^ 1, squares, near[i], stack)
                node >>= 1
            core[i] = squares[0]
    return core


@numba.njit(cache=True)
def _look_into(tree: Tree, i: int, node: int, squares: np.ndarray, rows: np.ndarray, stack: np.ndarray) -> None:
    """Update the nearest points of ``i``, a heap with the farthest first, by those of a node."""
    leaves = len(tree.starts) // 2
    stack[0], depth = node, 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if square_to_box(tree, i, node) >= squares[0]:
            continue
        if node < leaves:
            stack[depth], stack[depth + 1] = 2 * node, 2 * node + 1
            depth += 2
            continue
        for j in range(tree.starts[node], tree.stops[node]):
            square = square_between(tree.points, i, j)
            if square < squares[0]:
                _replace_first(squares, rows, square, j)


@numba.njit(cache=True)
def _replace_first(squares: np.ndarray, rows: np.ndarray, square: float, row: int) -> None:
    """Put a value in place of the largest of a heap."""
    place, size = 0, len(squares)
    while True:
        child = 2 * place + 1
        if child + 1 < size and squares[child + 1] > squares[child]:
            child += 1
        if child >= size or squares[child] <= square:
            break
        squares[place], rows[place] = squares[child], rows[child]
        place = child
    squares[place], rows[place] = square, row


@numba.njit(cache=True)
def _boruvka(tree: Tree, core: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the edges of a minimum spanning tree (N - 1,) int64 each."""
    n = len(core)
    parents = np.arange(n)
    component = np.arange(n)
    nearest, reach = _first_guesses(tree.points, core, near)  # reach: of the nearest, or a lower bound where it is -1
    best = np.empty(n)
    chosen = np.empty(n, dtype=np.int64)
    sources, targets = np.empty(n - 1, dtype=np.int64), np.empty(n - 1, dtype=np.int64)
    pure = np.empty(len(tree.starts), dtype=np.int64)
    least = _least_core(tree, core)
    stack = np.empty(128, dtype=np.int64)
    count = 0
    while count < n - 1:
        _mark_pure(tree, component, pure)
        best[:] = np.inf
        chosen[:] = -1
        for i in range(n):
            j, c = nearest[i], component[i]
            if j >= 0 and component[j] != c and reach[i] < best[c]:
                best[c], chosen[c] = reach[i], i
        for i in range(n):
            c = component[i]
            if (nearest[i] >= 0 and component[nearest[i]] != c) or reach[i] >= best[c]:
                continue
            nearest[i], reach[i] = _nearest_outside(tree, i, best[c], (core, component, pure, least), stack)
            if nearest[i] >= 0:
                best[c], chosen[c] = reach[i], i
        for c in range(n):
            if component[c] == c:
                i = chosen[c]
                a, b = root(parents, i), root(parents, nearest[i])
                if a != b:
                    parents[max(a, b)] = min(a, b)
                    sources[count], targets[count] = i, nearest[i]
                    count += 1
        for i in range(n):
            component[i] = root(parents, i)
    return sources, targets


@numba.njit(cache=True)
def _first_guesses(points: np.ndarray, core: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a point at the core distance of each point, the least that its edges can measure, or -1 and that least."""
    nearest, reach = np.full(len(core), -1), core.copy()
    for i in range(len(core)):
        for j in near[i]:
            if j >= 0 and j != i and core[j] <= core[i]:
                nearest[i] = j
                break
    return nearest, reach


@numba.njit(cache=True)
def _least_core(tree: Tree, core: np.ndarray) -> np.ndarray:
    """Return the smallest core distance of each node."""
    least = np.empty(len(tree.starts))
    leaves = len(least) // 2
    for node in range(2 * leaves - 1, 0, -1):
        if node < leaves:
            least[node] = min(least[2 * node], least[2 * node + 1])
        else:
            least[node] = core[tree.starts[node] : tree.stops[node]].min()
    return least


@numba.njit(cache=True)
def _mark_pure(tree: Tree, component: np.ndarray, pure: np.ndarray) -> None:
    """Fill in the component of each node whose points share one, else -1."""
    leaves = len(pure) // 2
    for node in range(2 * leaves - 1, 0, -1):
        if node < leaves:
            left, right = pure[2 * node], pure[2 * node + 1]
            pure[node] = left if left == right else -1
            continue
        first = component[tree.starts[node]]
        pure[node] = first
        for i in range(tree.starts[node] + 1, tree.stops[node]):
            if component[i] != first:
                pure[node] = -1
                break


@numba.njit(cache=True)
def _nearest_outside(
    tree: Tree,
    i: int,
    bound: float,
    state: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    stack: np.ndarray,
) -> tuple[int, float]:
    """Return the point of another component nearest to ``i``, and its squared reachability; -1 if not below a bound."""
    core, component, pure, least = state
    leaves = len(tree.starts) // 2
    own, nearest = component[i], -1
    node = _leaf_of(tree, i)
    stack[0], depth = node, 1
    while True:
        while depth > 0:
            depth -= 1
            at = stack[depth]
            if pure[at] == own or max(core[i], least[at], square_to_box(tree, i, at)) >= bound:
                continue
            if at < leaves:
                stack[depth], stack[depth + 1] = 2 * at, 2 * at + 1
                depth += 2
                continue
            for j in range(tree.starts[at], tree.stops[at]):
                if component[j] != own:
                    reach = max(core[i], core[j], square_between(tree.points, i, j))
                    if reach < bound:
                        bound, nearest = reach, j
        if node == 1 or core[i] >= bound:
            return nearest, bound
        stack[0], depth = node ^ 1, 1
        node >>= 1


@numba.njit(cache=True)
def _leaf_of(tree: Tree, i: int) -> int:
    leaves = len(tree.starts) // 2
    node = 1
    while node < leaves:
        node = 2 * node + (i >= tree.stops[2 * node])
    return node


@numba.njit(cache=True)
def _list_edges(
    points: np.ndarray, core: np.ndarray, near: np.ndarray, sources: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the neighbours of each point by the given edges and those within its core distance: starts, and ends."""
    n = len(core)
    counts = np.zeros(n + 1, dtype=np.int64)
    for edge in range(n - 1):
        counts[sources[edge]] += 1
        counts[targets[edge]] += 1
    for i in range(n):
        for j in near[i]:
            if j >= 0 and j != i and core[j] <= core[i]:
                counts[i] += 1
                counts[j] += 1
    starts = np.empty(n + 1, dtype=np.int64)
    total = 0
    for i in range(n + 1):
        starts[i] = total
        total += counts[i]
    filled = starts[:n].copy()
    ends = np.empty(total, dtype=np.int32)
    for edge in range(n - 1):
        _add_edge(ends, filled, sources[edge], targets[edge])
    for i in range(n):
        for j in near[i]:
            if j >= 0 and j != i and core[j] <= core[i]:
                _add_edge(ends, filled, i, j)
    return starts, ends


@numba.njit(cache=True)
def _add_edge(ends: np.ndarray, filled: np.ndarray, i: int, j: int) -> None:
    ends[filled[i]], ends[filled[j]] = j, i
    filled[i] += 1
    filled[j] += 1


@numba.njit(cache=True)
def _prim(
    tree: Tree, core: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sources, targets (rows of the input) and lengths of a minimum spanning tree of the listed edges."""
    n = len(core)
    core = np.sqrt(core)
    reach = np.full(n, np.inf)
    source = np.full(n, -1, dtype=np.int32)
    place = np.full(n, -1, dtype=np.int32)  # in the heap; -2 for points of the tree
    heap = np.empty(n, dtype=np.int32)
    size = 0
    sources, targets, lengths = np.empty(n - 1, dtype=np.int64), np.empty(n - 1, dtype=np.int64), np.empty(n - 1)
    i = 0
    while tree.order[i] != 0:
        i += 1
    for edge in range(n - 1):
        place[i] = -2
        for at in range(starts[i], starts[i + 1]):
            j = ends[at]
            if place[j] == -2:
                continue
            length = max(core[i], core[j], np.sqrt(square_between(tree.points, i, j)))
            if length < reach[j]:
                reach[j], source[j] = length, i
                if place[j] == -1:
                    place[j] = size
                    heap[size] = j
                    size += 1
                _move_up(heap, place, place[j], reach, tree.order)
        i = heap[0]
        size -= 1
        if size > 0:
            heap[0] = heap[size]
            place[heap[0]] = 0
            _move_down(heap, place, size, reach, tree.order)
        sources[edge], targets[edge], lengths[edge] = tree.order[source[i]], tree.order[i], reach[i]
    return sources, targets, lengths


@numba.njit(cache=True)
def _before(i: int, j: int, reach: np.ndarray, order: np.ndarray) -> bool:
    return reach[i] < reach[j] or (reach[i] == reach[j] and order[i] < order[j])


@numba.njit(cache=True)
def _move_up(heap: np.ndarray, place: np.ndarray, at: int, reach: np.ndarray, order: np.ndarray) -> None:
    moved = heap[at]
    while at > 0:
        above = (at - 1) // 2
        if not _before(moved, heap[above], reach, order):
            break
        heap[at] = heap[above]
        place[heap[at]] = at
        at = above
    heap[at] = moved
    place[moved] = at


@numba.njit(cache=True)
def _move_down(heap: np.ndarray, place: np.ndarray, size: int, reach: np.ndarray, order: np.ndarray) -> None:
    at, moved = 0, heap[0]
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _before(heap[child + 1], heap[child], reach, order):
            child += 1
        if not _before(heap[child], moved, reach, order):
            break
        heap[at] = heap[child]
        place[heap[at]] = at
        at = child
    heap[at] = moved
    place[moved] = at
