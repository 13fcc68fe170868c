"""Asks: many requests at a time, within limits and budget, each until there is an answer or a reason for none.

An attempt that fails and may fare better is made again, after a pause. Of a request that fails at every attempt the
question is whose fault that is: if another that was begun after its first failure is answered, it is the request's own,
and that is its answer. If none is, the server is down, and nothing is held against the pictures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipeline.asking.cache import Answer, Keeper
from pipeline.asking.endpoint import Answered, Captioner, NoPictures, Passing, Wait
from pipeline.asking.limits import Pace, Purse, Share
from pipeline.asking.request import Reply, Request, Unanswered, Usage
from pipeline.asking.settings import AskSettings
from pipeline.errors import ConfigError, RunAgain

SUSPECTS = 3
"""Requests in a row that failed at every attempt while none was answered, from which on the server is down."""
REJECTIONS = 10
"""Requests in a row that a server took for wrong before it answered any, from which on it is not the pictures."""
IN_A_ROW = 3
"""Requests that were told to wait, with none answered between, from which on all wait."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a second attempt, doubled with each, and at most."""


class EndpointDown(RunAgain):
    """The endpoint does not answer; what was answered before is stored."""


@dataclass
class Outcome:
    """What asking came to. ``spent_out``: the limit of the budget that ended it, "" if none did."""

    answered: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    spent_out: str = ""
    left_from: int | None = None
    """The unit of the first request that was not asked, where time or budget ended first."""


class Asker:
    """Of one task."""

    def __init__(
        self,
        settings: AskSettings,
        captioner: Captioner,
        share: Share,
        purse: Purse,
        keeper: Keeper,
        until: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``until``: on ``clock``, from when on no request is begun."""
        self._settings, self._captioner, self._at_once = settings, captioner, share.at_once
        self._purse, self._keeper, self._until, self._clock = purse, keeper, until, clock
        self._pace = Pace(share, clock)
        self._passing: list[tuple[float, Request, Reply]] = []
        self._rejected: list[tuple[Request, Reply]] = []
        """Failures that may be the server's; of the first also when they began to fail."""
        self._goods = 0
        self._good_began = float("-inf")
        """When the latest request was begun that was answered."""
        self._last_good = clock()
        self._waits = 0
        """Times in a row that the server wanted to be asked later, each of a request that was begun after the last."""
        self._paused = float("-inf")
        self._begun: set[bytes] = set()
        self._undrawable: Exception | None = None
        self.outcome = Outcome()
        endpoint = settings.endpoint
        self._attempts, self._patience = (endpoint.attempts, endpoint.patience) if endpoint else (1, float("inf"))
        self._where = endpoint.base_url if endpoint else settings.model

    async def run(self, requests: Iterator[Request]) -> Outcome:
        """Ask ``requests``, which are drawn in a thread as they are needed.

        Raises ConfigError and EndpointDown, and what drawing raises; what was answered is stored then, too.
        """
        queue: asyncio.Queue[Request | None] = asyncio.Queue(self._at_once)
        drawing = asyncio.create_task(self._draw(requests, queue))
        ticking = asyncio.create_task(self._tick())
        asking: list[asyncio.Task[None]] = []
        try:
            # the first alone: what is wrong with all of them shows there
            first = await queue.get()
            if first is not None and self._may_begin():
                await self._ask(first)
                asking = [asyncio.create_task(self._work(queue)) for _ in range(self._at_once)]
                await asyncio.gather(*asking)
            elif first is not None:
                self.outcome.left_from = first.unit
            if self._undrawable is not None:
                raise self._undrawable
            await self._settle()
        finally:
            for task in (*asking, drawing, ticking):
                task.cancel()
            await asyncio.gather(*asking, drawing, ticking, return_exceptions=True)
            await self._keeper.close()
        return self.outcome

    async def _draw(self, requests: Iterator[Request], queue: asyncio.Queue[Request | None]) -> None:
        try:
            while (request := await asyncio.to_thread(next, requests, None)) is not None:
                if request.key not in self._begun:
                    self._begun.add(request.key)
                    await queue.put(request)
        except Exception as error:  # goes to whoever waits for the requests
            self._undrawable = error
        for _ in range(self._at_once + 1):
            await queue.put(None)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._keeper.seconds / 2)
            await self._keeper.tick()

    async def _work(self, queue: asyncio.Queue[Request | None]) -> None:
        while (request := await queue.get()) is not None:
            if not self._may_begin():
                left = self.outcome.left_from
                self.outcome.left_from = request.unit if left is None else min(left, request.unit)
                return
            await self._ask(request)

    def _may_begin(self) -> bool:
        if self._clock() >= self._until:
            return False
        self.outcome.spent_out = self.outcome.spent_out or self._purse.lacking()
        return not self.outcome.spent_out

    async def _ask(self, request: Request) -> None:
        """Ask until there is an answer or a reason for none; store it, or hold it until the server has proved well."""
        usage = Usage()
        self._purse.begin()
        try:
            reply, since = await self._reply(request)
            usage = reply.usage
        finally:
            self._purse.end(usage)
        self.outcome.usage += usage
        if reply.reason in FAULTS and self._good_began <= since:
            self._passing.append((since, request, reply))
            if len(self._passing) >= SUSPECTS:
                raise self._down(reply.detail)
        elif reply.reason is Unanswered.REJECTED and not self._goods:
            self._rejected.append((request, reply))
            if len(self._rejected) >= REJECTIONS:
                raise ConfigError(f"ask.endpoint: {self._where} takes every request for wrong: {reply.detail}")
        else:
            await self._store(request, reply)
            if reply.reason not in FAULTS and reply.reason is not Unanswered.REJECTED:
                await self._proved(since)

    async def _proved(self, began: float) -> None:
        """The server has answered what was begun then, so what had failed before has itself to blame."""
        self._goods += 1
        self._last_good = self._clock()
        self._good_began = max(self._good_began, began)
        own = [held for held in self._passing if held[0] < began]
        rejected, self._rejected = self._rejected, []
        self._passing = [held for held in self._passing if held[0] >= began]
        for request, reply in (*(held[1:] for held in own), *rejected):
            await self._store(request, reply)

    async def _settle(self) -> None:
        """At the end: what is still held is the request's own fault, if the server is there."""
        if self._passing and not self._goods and not await self._captioner.alive():
            raise self._down(self._passing[0][2].detail)
        for request, reply in (*(held[1:] for held in self._passing), *self._rejected):
            await self._store(request, reply)

    async def _store(self, request: Request, reply: Reply) -> None:
        amount = self._purse.amount(reply.usage)
        if reply.reason is None:
            self.outcome.answered += 1
        else:
            self.outcome.failed += 1
        await self._keeper.add(Answer.of(request, reply, amount.money or 0.0, self._settings.model))

    async def _reply(self, request: Request) -> tuple[Reply, float]:
        """What came of all attempts; and when the last one began, or if the server failed, when it did so first."""
        usage = Usage()
        failures = 0
        since: float | None = None
        while True:
            guess = self._purse.estimate
            tokens = guess.input_tokens + guess.output_tokens
            await self._pace.turn(tokens)
            taken, began = Usage(), self._clock()
            try:
                done = await self._captioner.answer(request)
                taken = done.usage
                self._good()
                return Reply(usage + done.usage, done.text), began
            except Wait as wait:
                await self._wait(wait, began)
            except Answered as answered:
                taken = answered.usage
                usage += taken
                self._good()
                failures += 1
                if not answered.why.again or failures >= self._attempts:
                    return Reply(usage, reason=answered.why.reason, detail=answered.why.detail), began
            except Passing as passing:
                failures += 1
                since = self._clock() if since is None else since
                if failures >= self._attempts:
                    return Reply(usage, reason=passing.reason, detail=passing.detail), since
                await asyncio.sleep(pause_before(failures))
            except NoPictures as error:
                if not self._goods:
                    raise
                return Reply(usage, reason=Unanswered.REJECTED, detail=str(error)), began
            finally:
                self._pace.correct(tokens, taken.input_tokens + taken.output_tokens)

    def _good(self) -> None:
        self._waits = 0
        self._pace.good()

    async def _wait(self, wait: Wait, began: float) -> None:
        """Wait for as long as the server wants; where it wants that of several in a row, have all wait.

        Raises EndpointDown where that goes on for too long.
        """
        now = self._clock()
        if now - self._last_good > self._patience:
            raise self._down(f"it only wants to be asked later, for {self._patience:g} s ({wait.detail})")
        if began < self._paused:
            return  # it was under way when all were told to wait
        self._waits += 1
        seconds = pause_before(max(1, self._waits - IN_A_ROW + 1)) if wait.seconds is None else wait.seconds
        if self._waits < IN_A_ROW:
            await asyncio.sleep(seconds)
        else:
            self._paused = now
            self._pace.pause(seconds)

    def _down(self, detail: str) -> EndpointDown:
        return EndpointDown(f"the endpoint {self._where} does not answer: {detail}; see to it and run again to go on")


FAULTS = frozenset({Unanswered.SERVER_ERROR, Unanswered.TIMED_OUT, Unanswered.DROPPED})
"""Reasons that can be the server's."""


def pause_before(attempt: int) -> float:
    """Seconds to wait before attempt number ``attempt`` + 1."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)))
