"""When the next request to a host may begin."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Turns, at least ``interval`` seconds apart, counted from where requests really begin."""

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
            # what sleeping took too long is made up for; what waiting for the gate took is not
            self._due = (self._due if now - self._due < self.interval / 4 else now) + self.interval

    def pause(self, seconds: float) -> None:
        """No turn for that long."""
        self._due = max(self._due, time.monotonic() + seconds)
