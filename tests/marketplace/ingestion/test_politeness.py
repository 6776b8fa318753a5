"""A host whose breaker has opened is judged by the one request that tries it again, and by no other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from marketplace.ingestion.politeness import Host, Patience, Tally

from .test_fetching import Clock

TWO_FAILURES = {"give_up_after": 2, "open_seconds": 5.0}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def host(clock):
    return Host("http://shop.example", Patience(sleep=clock.sleep, clock=clock, **TWO_FAILURES), at_once=10)


async def fails(host):
    async with host.turn(Tally()) as turn:
        host.failed(turn)


async def waits_for_its_turn(host):
    """A request that is sent as soon as it may be, and stays out."""
    sent = asyncio.Event()

    async def send():
        async with host.turn(Tally()):
            sent.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(send())
    for _ in range(100):
        await asyncio.sleep(0)
    task.cancel()
    return sent.is_set()


@pytest.mark.parametrize("outcome", ["answered", "failed", "neither"])
def test_an_old_request_that_ends_while_the_trial_is_out_sends_no_other(host, clock, outcome):
    async def main():
        async with AsyncExitStack() as ends_late:
            old = await ends_late.enter_async_context(host.turn(Tally()))
            await fails(host)
            await fails(host)
            async with host.turn(Tally()) as trial:
                assert (trial.is_trial, clock.now) == (True, 5.0)
                if outcome != "neither":
                    getattr(host, outcome)(old)
                await ends_late.aclose()
                assert not await waits_for_its_turn(host)
                host.answered(trial)
            assert await waits_for_its_turn(host)

    asyncio.run(main())


@pytest.mark.parametrize("outcome", ["answered", "failed"])
def test_an_old_request_neither_closes_an_open_breaker_nor_opens_it_again(host, clock, outcome):
    async def main():
        async with host.turn(Tally()) as old:
            await fails(host)
            await fails(host)
            clock.now += 6.0
            getattr(host, outcome)(old)
        async with host.turn(Tally()) as trial:
            assert (trial.is_trial, trial.openings, clock.now) == (True, 1, 6.0)

    asyncio.run(main())


def test_the_trial_of_a_single_failure_does_not_judge_a_breaker_that_opened_behind_it(host, clock):
    async def main():
        async with host.turn(Tally()) as old:
            await fails(host)
            async with host.turn(Tally()) as early:
                host.failed(old)
                host.answered(early)
        async with host.turn(Tally()) as trial:
            assert (early.is_trial, trial.is_trial, trial.openings, clock.now) == (True, True, 1, 5.0)

    asyncio.run(main())


def test_a_trial_that_fails_opens_the_breaker_for_twice_as_long_and_one_that_answers_closes_it(host, clock):
    async def main():
        for _ in range(3):
            await fails(host)
        async with host.turn(Tally()) as trial:
            assert (trial.is_trial, trial.openings, clock.now) == (True, 2, 5.0 + 10.0)
            host.answered(trial)
        async with host.turn(Tally()) as after:
            assert (after.is_trial, clock.now) == (False, 15.0)

    asyncio.run(main())


def test_a_breaker_that_opened_on_half_of_its_requests_is_opened_again_by_one_failed_trial(clock):
    wary = Patience(sleep=clock.sleep, clock=clock, give_up_after=50, open_seconds=5.0)
    host = Host("http://shop.example", wary, at_once=10)

    async def main():
        for number in range(20):
            async with host.turn(Tally()) as turn:
                host.answered(turn) if number % 2 else host.failed(turn)
        opened = clock.now
        await fails(host)
        await fails(host)
        assert clock.now >= opened + 5.0
        async with host.turn(Tally()) as trial:
            assert (trial.is_trial, trial.openings) == (True, 3)

    asyncio.run(main())
