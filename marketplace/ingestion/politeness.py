"""Manners towards one host: how many at once, how fast, how long to leave it alone, and when to give it up."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from protego import Protego

from marketplace.errors import SourceUnavailable

SLOWEST_PACE = 10.0  # seconds between requests that back-off goes up to
FIRST_PACE = 0.05
RECOVERY = 0.8  # of the pace that is left after an answer
RECENT = 20  # outcomes that the breaker looks at
FEWEST = 10


class LeftToNextRun(SourceUnavailable):
    """The host has had its share of this run; asking again now would not help."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often one address is asked, how long is waited, and what is given to one host in one run.

    Parameters
    ----------
    attempts
        Requests for one address, at most.
    give_up_after
        Failures in a row, or half of the recent ones, that open the host's breaker.
    open_seconds
        How long the breaker stays open; twice as long each time it opens with no answer in between.
    most_openings
        Openings, no answer in between, after which the host is left to the next run.
    host_seconds
        The longest that one host may take in one run, waits included.
    """

    attempts: int = 4
    first_pause: float = 0.3
    give_up_after: int = 5
    open_seconds: float = 5.0
    most_openings: int = 5
    host_seconds: float = 900.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Tally:
    """What a sync cost its hosts and us."""

    requests: int = 0
    bytes_received: int = 0
    not_modified: int = 0
    polite_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send one request; a trial goes first after a failure, and was sent after so many openings."""

    is_trial: bool
    openings: int


@dataclass(slots=True)
class Host:
    """One host in one run."""

    origin: str
    patience: Patience
    at_once: int
    began: float = 0.0
    base_pace: float = 0.0
    pace: float = 0.0
    robots: Protego | None = None
    reading_robots: asyncio.Lock = field(default_factory=asyncio.Lock)
    _places: asyncio.Semaphore = field(init=False)
    _next_start: float = 0.0
    _quiet_until: float = 0.0
    _in_a_row: int = 0
    _openings: int = 0
    _unanswered: int = 0  # openings since the breaker was last closed by an answer
    _is_open: bool = False
    _is_trying: bool = False
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.at_once)
        self.began = self.patience.clock()

    def obey(self, robots: Protego, user_agent: str) -> None:
        """Keep what the host asks of us, its crawl-delay included."""
        self.robots = robots
        self.base_pace = float(robots.crawl_delay(user_agent) or 0.0)
        self.pace = max(self.pace, self.base_pace)

    @asynccontextmanager
    async def turn(self, tally: Tally) -> AsyncIterator[Turn]:
        """The right to send one request, once the host's pace, pause and breaker allow it.

        Raises
        ------
        LeftToNextRun
            If that is later than what is left of the host's time in this run.
        """
        self._refuse_given_up()
        async with self._places:
            turn = await self._wait(tally)
            try:
                yield turn
            finally:
                if turn.is_trial:
                    self._is_trying = False

    def answered(self, turn: Turn) -> None:
        """The host answered as a healthy one does."""
        if self._is_left_to_the_trial(turn):
            return
        if self._is_open:
            self._unanswered = 0
        self._is_open = False
        self._in_a_row = 0
        self._recent.append(True)
        self.pace = self.base_pace if self.pace * RECOVERY < FIRST_PACE else max(self.base_pace, self.pace * RECOVERY)

    def failed(self, turn: Turn, pause: float | None = None, *, is_overloaded: bool = False) -> None:
        """The host did not answer, or asked for patience; `pause` is the seconds it named."""
        now = self.patience.clock()
        if pause:
            self._quiet_until = max(self._quiet_until, now + pause)
        if self._is_left_to_the_trial(turn):
            return
        self._in_a_row += 1
        self._recent.append(False)
        if pause:
            return
        if is_overloaded and self._in_a_row > 1:  # one refusal among many answers is no overload
            self.pace = min(SLOWEST_PACE, max(FIRST_PACE, 2 * self.pace))
        is_lost = self._is_open or self._is_failing()  # open still: the trial itself failed
        if is_lost and now >= self._quiet_until:
            self._quiet_until = now + self.patience.open_seconds * 2**self._unanswered
            self._openings += 1
            self._unanswered += 1
            self._is_open = True
            self._recent.clear()

    @property
    def is_given_up(self) -> bool:
        """Whether the host is left to the next run."""
        return self._unanswered >= self.patience.most_openings

    def _is_left_to_the_trial(self, turn: Turn) -> bool:
        """Whether the breaker is open and the request was sent before: what became of it is old news."""
        return self._is_open and not (turn.is_trial and turn.openings == self._openings)

    def _is_failing(self) -> bool:
        half = len(self._recent) >= FEWEST and self._recent.count(False) * 2 >= len(self._recent)
        return self._in_a_row >= self.patience.give_up_after or half

    def _refuse_given_up(self) -> None:
        if self.is_given_up:
            raise LeftToNextRun(f"{self.origin} kept failing and is left to the next run")

    async def _wait(self, tally: Tally) -> Turn:
        """Half-open after a pause: one request goes first, the others wait for its outcome."""
        while True:
            self._refuse_given_up()
            now = self.patience.clock()
            start = max(now, self._next_start, self._quiet_until)
            left = self.began + self.patience.host_seconds - start
            if left <= 0:
                raise LeftToNextRun(
                    f"{self.origin} would be asked again in {start - now:.0f} seconds, "
                    f"more than is left of its {self.patience.host_seconds:.0f}; it is left to the next run"
                )
            if start <= now and not (self._in_a_row and self._is_trying):
                turn = Turn(self._in_a_row > 0, self._openings)
                self._is_trying |= turn.is_trial
                self._next_start = now + self.pace
                return turn
            pause = max(start - now, 0.01)
            tally.polite_seconds += pause
            await self.patience.sleep(pause)
