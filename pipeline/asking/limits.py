"""How fast and how much: limits and budget, dealt out to the tasks that ask.

All is dealt before anybody asks: a task gets its share of the requests under way, of the rates and of what is left of
the budget, and keeps to it without a word to the others. The shares of tasks that run at the same time add up to the
whole, so the whole is kept whatever happens to any of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.asking.request import Usage
from pipeline.asking.settings import AskSettings, BudgetSettings, PriceSettings

MINUTE = 60.0
CATCH_UP = 0.25
"""Seconds of its rate by which a task that was held up may be ahead later."""
SLOWED, SLOWED_AGAIN, SOON = 0.94, 0.7, 2.0
"""What a rate that a server does not bear is multiplied by; the same where it is slowed again so many seconds later."""
SLOW, FAST, NEAR = 0.005, 0.2, 0.1
"""By how much a rate grows that a server bears, in a second: near one that it did not bear, and elsewhere."""


@dataclass(frozen=True)
class Amount:
    """Of a budget: what may be taken, or was. None: no limit."""

    requests: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    money: float | None = None

    @classmethod
    def left(cls, budget: BudgetSettings, spent: Usage, money: float) -> Amount:
        """What is left of a budget, at least 0."""
        pairs = [
            (budget.requests, spent.requests),
            (budget.input_tokens, spent.input_tokens),
            (budget.output_tokens, spent.output_tokens),
            (budget.money, money),
        ]
        return cls(*(None if most is None else max(0.0, most - taken) for most, taken in pairs))

    def holds(self, taken: Amount) -> bool:
        """Whether ``taken``, which has no None, is within this."""
        return all(
            most is None or (amount or 0.0) <= most + 1e-9
            for most, amount in zip(vars(self).values(), vars(taken).values(), strict=True)
        )

    def exceeded_by(self, taken: Amount) -> str:
        """The name of a limit that ``taken`` is over, "" for none."""
        for name, most in vars(self).items():
            if most is not None and (getattr(taken, name) or 0.0) > most + 1e-9:
                return name
        return ""


@dataclass(frozen=True)
class Share:
    """What one of the tasks that ask may take."""

    at_once: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    budget: Amount


def shares(settings: AskSettings, left: Amount, weights: list[int]) -> list[Share]:
    """Deal limits and what is ``left`` of the budget out to as many tasks as there are ``weights``.

    The budget goes by weight, the number of requests that each has; whole requests stay whole.
    """
    count, total = len(weights), max(1, sum(weights))
    at_once = _whole(settings.at_once, [1] * count)
    requests = None if left.requests is None else _whole(int(left.requests), weights)
    dealt = []
    for i, weight in enumerate(weights):
        part = weight / total
        budget = Amount(
            None if requests is None else requests[i],
            *(None if most is None else most * part for most in (left.input_tokens, left.output_tokens, left.money)),
        )
        requests_each, tokens_each = (
            None if rate is None else rate / count
            for rate in (settings.requests_per_minute, settings.tokens_per_minute)
        )
        dealt.append(Share(max(1, at_once[i]), requests_each, tokens_each, budget))
    return dealt


def _whole(amount: int, weights: list[int]) -> list[int]:
    """Deal a whole number out by weight, the remainders to the first."""
    total = max(1, sum(weights))
    parts = [amount * weight // total for weight in weights]
    for i in range(amount - sum(parts)):
        parts[i % len(parts)] += 1
    return parts


class Purse:
    """What a task has taken of its share of the budget, and has under way."""

    def __init__(self, share: Amount, price: PriceSettings | None, guess: Usage, batch: bool = False) -> None:
        """``guess``: what one request takes, before any has been answered. ``batch``: at the price of batch files."""
        self.share, self._price, self._batch = share, price, batch
        self.spent, self.answers, self._under_way = Usage(), 0, 0
        self._guess = guess

    @property
    def estimate(self) -> Usage:
        """What one request takes, rounded up."""
        if not self.answers:
            return self._guess
        return Usage(1, -(-self.spent.input_tokens // self.answers), -(-self.spent.output_tokens // self.answers))

    def lacking(self) -> str:
        """The limit that one more request, beside those under way, would exceed; "" for none."""
        estimate, more = self.estimate, self._under_way + 1
        usage = self.spent + Usage(more, more * estimate.input_tokens, more * estimate.output_tokens)
        return self.share.exceeded_by(self.amount(usage))

    def begin(self) -> None:
        """One more is under way."""
        self._under_way += 1

    def end(self, usage: Usage) -> None:
        """One has ended, and took ``usage``, which may be nothing."""
        self._under_way -= 1
        self.spent += usage
        self.answers += usage.requests

    def amount(self, usage: Usage) -> Amount:
        """A usage with its price."""
        money = 0.0
        if self._price is not None:
            money = self._price.of(usage.input_tokens, usage.output_tokens, self._batch)
        return Amount(usage.requests, usage.input_tokens, usage.output_tokens, money)


class Pace:
    """Keeps to rates: in no 60 seconds do more requests begin, or more tokens go, than a minute may have.

    Where the settings have no rate and the server has, that is found: it is lowered where the server wants to
    be left alone, and grows slowly while it answers.
    """

    def __init__(self, share: Share, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests, self._tokens, self._clock = share.requests_per_minute, share.tokens_per_minute, clock
        self._begun: deque[float] = deque()
        self._used: deque[tuple[float, int]] = deque()
        self._used_sum = 0
        self._next = self._until = 0.0
        self._first, self._turns = clock(), 0
        """When asking began, and requests since."""
        self._borne = 0.0
        """The rate at which the server last wanted to be left alone."""
        self._cap: float | None = None
        """Requests a second that the server seems to bear."""
        self._lock = asyncio.Lock()

    def pause(self, seconds: float) -> None:
        """The server wants nobody to ask for so long, so from then on it is asked at a lower rate."""
        now = self._clock()
        active = now - max(self._until, self._first)
        if self._cap is not None:
            self._borne = self._cap
            self._cap = max(1.0, self._cap * (SLOWED_AGAIN if active < SOON else SLOWED))
        elif self._requests is None:
            self._cap = max(1.0, 0.5 * self._turns / max(active, 1.0))
        self._until = max(self._until, now + seconds)

    def good(self) -> None:
        """A request was answered."""
        if self._cap is not None:
            near = abs(self._cap - self._borne) < NEAR * self._borne
            self._cap += SLOW if near else FAST

    async def turn(self, tokens: int) -> None:
        """Return when a request may begin that takes about so many ``tokens``."""
        async with self._lock:
            while (wait := self._wait(tokens)) > 0:
                await asyncio.sleep(wait)
            now = self._clock()
            self._turns += 1
            if self._interval:
                self._next = max(self._next, now - CATCH_UP) + self._interval
            if self._requests is not None:
                self._begun.append(now)
            if self._tokens is not None:
                self._used.append((now, tokens))
                self._used_sum += tokens

    @property
    def _interval(self) -> float:
        """Seconds between two requests."""
        asked = MINUTE / self._requests if self._requests is not None else 0.0
        return asked if self._cap is None else max(asked, 1 / self._cap)

    def correct(self, guessed: int, tokens: int) -> None:
        """A request took ``tokens`` and not what was ``guessed`` when its turn came."""
        if self._tokens is not None and tokens != guessed:
            self._used.append((self._clock(), tokens - guessed))
            self._used_sum += tokens - guessed

    def _wait(self, tokens: int) -> float:
        now = self._clock()
        while self._begun and self._begun[0] <= now - MINUTE:
            self._begun.popleft()
        while self._used and self._used[0][0] <= now - MINUTE:
            self._used_sum -= self._used.popleft()[1]
        wait = max(0.0, self._until - now, self._next - now)
        if self._requests is not None and self._begun and len(self._begun) + 1 > max(1.0, self._requests):
            wait = max(wait, self._begun[0] + MINUTE - now)
        if self._tokens is not None and self._used and self._used_sum + tokens > self._tokens:
            wait = max(wait, self._used[0][0] + MINUTE - now)
        return wait
