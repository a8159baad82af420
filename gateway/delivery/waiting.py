"""Waits for a bell, or for so many seconds: what every lane does after every single item."""

import asyncio

__all__ = ["rung_within"]


async def rung_within(bell: asyncio.Event, seconds: float) -> bool:
    """Wait until the bell is set; False where nobody rang it in time, and it is set all the same.
    Cheaper than `asyncio.timeout`, which cancels and catches."""
    late: list[bool] = []

    def ring() -> None:
        late.append(True)
        bell.set()

    timer = asyncio.get_running_loop().call_later(seconds, ring)
    try:
        await bell.wait()
    finally:
        timer.cancel()
    return not late
