"""Judging shares, such as clicks of views, by as many tries as there were."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.anomalies.habits import Habits
from models.anomalies.judging import ERROR_DAYS, LEVEL_DAYS, RECENT_DAYS, Judging, Verdicts
from models.anomalies.scores import band, share_scores
from models.anomalies.terms import middle

Floats = NDArray[np.float64]
LEAST_TRIES = 50.0  # in the last weeks, below which a share is not known
PRIOR_TRIES = 20.0  # that the share of all series is worth


def judge_shares(hits: Floats, tries: Floats, how: Judging) -> Verdicts:
    """Every day's share judged by those before it; expected, low and high are shares.

    Parameters
    ----------
    hits, tries : (days, series)
        Missing before a series began. A day without tries is not judged.
    """
    blank = np.full(hits.shape, np.nan)
    expected, score, spread = blank, blank.copy(), np.ones(hits.shape)
    odd, streak = np.zeros(hits.shape, dtype=np.int64), np.zeros(hits.shape, dtype=np.int64)
    raw = blank.copy()
    hits = np.minimum(hits, tries)
    habits = Habits.of(hits)
    known = np.cumsum(~np.isnan(hits), axis=0)
    for day in range(RECENT_DAYS, len(hits)):
        expected[day], seen = _share(habits, tries, day)
        raw[day] = np.where(tries[day] > 0, share_scores(hits[day], tries[day], expected[day]), np.nan)
        # Shoppers come in groups that behave alike, so that shares vary more than coins do.
        past = 1.4826 * middle(np.abs(raw[max(0, day - ERROR_DAYS) : day]))
        spread[day] = np.maximum(np.nan_to_num(past, nan=1.0), 1.0)
        enough = (known[day - 1] >= how.least_days) & (seen >= LEAST_TRIES)
        score[day] = np.where(enough, raw[day] / spread[day], np.nan)
        sized = np.nan_to_num(score[day])
        lasted = habits.learn(day, hits, expected[day] * tries[day], sized, how.limit)
        streak[day], odd[day] = np.abs(lasted), how.meant(np.sign(lasted))
    low, high = _bounds(tries, expected, spread, score, how.limit)
    zero = np.where(np.isnan(score), np.nan, 0.0)
    return Verdicts(np.where(np.isnan(score), np.nan, expected), low, high, score, odd, streak, zero, zero, zero, zero)


def _share(habits: Habits, tries: Floats, day: int) -> tuple[Floats, Floats]:
    """The share of the last weeks, shrunk to that of all series, and in how many tries it was seen."""
    days = slice(max(0, day - LEVEL_DAYS), day)
    is_now = np.arange(days.start, day)[:, None] >= habits.since
    is_there = is_now & ~np.isnan(habits.clean[days])
    hit = np.where(is_there, habits.clean[days], 0.0).sum(axis=0)
    tried = np.where(is_there, tries[days], 0.0).sum(axis=0)
    of_all = hit.sum() / tried.sum() if tried.sum() else 0.0
    return (hit + PRIOR_TRIES * of_all) / (tried + PRIOR_TRIES), tried


def _bounds(tries: Floats, expected: Floats, spread: Floats, score: Floats, limit: float) -> tuple[Floats, Floats]:
    is_judged = ~np.isnan(score)
    tried, share = np.where(is_judged, tries, 1.0), np.where(is_judged, expected, 0.5)
    low, high = band(
        lambda hit: share_scores(hit, tried, share) / spread, np.zeros_like(tried), tried * share, tried, limit
    )
    return np.where(is_judged, low / tried, np.nan), np.where(is_judged, high / tried, np.nan)
