"""When the next request to a host may begin."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Turns, ``interval`` seconds apart on average and half of that at least, counted from where requests begin."""

    def __init__(self, rate: float) -> None:
        self.interval = 1 / rate if rate else 0.0
        self._due = 0.0
        self._lock = asyncio.Lock()

    async def turn(self, gate: asyncio.Semaphore, other: Pace | None = None) -> None:
        """Wait for the next turn, and pass the gate, which the caller releases. ``other``: another pace to keep."""
        if not self.interval and self._due <= time.monotonic() and (other is None or not other.interval):
            await gate.acquire()
            return
        async with self._lock:
            while True:
                while (wait := self._due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                if other is not None and other.interval:
                    await other.turn(gate)
                else:
                    await gate.acquire()
                if self._due <= time.monotonic():
                    break
                gate.release()  # told to pause meanwhile
            now = time.monotonic()
            # a turn that came late is made up for, by one interval at most, and never by two requests close together
            self._due = max(max(self._due, now - self.interval) + self.interval, now + self.interval / 2)

    def pause(self, seconds: float) -> None:
        """No turn for that long."""
        self._due = max(self._due, time.monotonic() + seconds)
