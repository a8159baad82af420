"""Orders what several units do so that like goes with like, and no unit's own order changes."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

__all__ = ["Place", "waves"]

Place = tuple[int, int]
"""(unit, step), both from 0."""


def waves(units: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, list[Place]]]:
    """Yield (name, places): every step of every unit once, in the order of each unit.

    The places of a wave are in the order of the units. Units of one shape move together, so the
    cost is that of the few shapes there are.
    """
    members: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, shape in enumerate(units):
        members[shape].append(index)
    at = {shape: 0 for shape in members if shape}
    while at:
        name = _next(at)
        places: list[Place] = []
        for shape in [*at]:
            first = step = at[shape]
            while step < len(shape) and shape[step] == name:
                step += 1
            places += ((unit, k) for unit in members[shape] for k in range(first, step))
            at[shape] = step
            if step == len(shape):
                del at[shape]
        yield name, sorted(places)


def _next(at: dict[tuple[str, ...], int]) -> str:
    """Return a name that no shape still has something else before, or the most frequent one."""
    heads = Counter(shape[step] for shape, step in at.items())
    behind = {name for shape, step in at.items() for name in shape[step:] if name != shape[step]}
    free = [name for name in heads if name not in behind]
    return max(free or heads, key=heads.__getitem__)
