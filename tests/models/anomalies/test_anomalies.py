"""Days are judged by what came before them, with what the calendar does; what is planted is found and peaks are not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from benchmarks.anomalies import LEARNING, ours, rolling, tally
from benchmarks.planted_days import draw_days
from models.anomalies.calendar import calendar_of
from models.anomalies.habits import NEW_HABIT
from models.anomalies.judging import Judging, judge
from models.anomalies.scores import count_scores, share_scores
from models.anomalies.shares import judge_shares
from models.anomalies.spread import excess_variance
from models.anomalies.terms import middle
from models.anomalies.words import reasons

WEEKDAY = np.array([0.9, 0.85, 0.9, 1.0, 1.25, 1.4, 0.95])


def calendar(days, series, *, pay=None, holidays=(), ramadan=()):
    weekday = np.repeat((np.arange(days) % 7)[:, None], series, 1)
    distance = np.full((days, series), 99) if pay is None else np.repeat(np.asarray(pay)[:, None], series, 1)
    flags = [np.repeat(np.isin(np.arange(days), list(which))[:, None], series, 1) for which in (holidays, ramadan)]
    return calendar_of(weekday, distance, flags[0], flags[1])


def counts(days=120, levels=(200.0, 60.0), seed=3):
    generator = np.random.default_rng(seed)
    return generator.poisson(np.outer(WEEKDAY[np.arange(days) % 7], levels)).astype(float)


def test_planted_anomalies_are_found_and_peaks_of_pay_days_and_holidays_are_not_alerted():
    for seed in (11, 12):
        year = draw_days(seed)
        found, plain = tally(year, ours(year, Judging().limit)), tally(year, rolling(year, 3.0))
        assert found.precision >= 0.85
        assert found.recall >= 0.65
        days = len(year.weekday) - LEARNING
        assert found.wrong / days <= 0.06
        assert found.wrong_on_peaks / max(found.judged, 1) <= 1e-4
        assert found.recall > plain.recall
        assert plain.wrong_on_peaks > 20 * max(found.wrong_on_peaks, 1)


def test_no_day_is_judged_by_what_comes_after_it():
    values = counts()
    changed = values.copy()
    changed[100:] = 7_000
    whole, cut = (judge(one, calendar(120, 2), Judging()) for one in (values, changed))
    for name in ("expected", "low", "high", "score"):
        np.testing.assert_array_equal(getattr(whole, name)[:100], getattr(cut, name)[:100])


def test_an_odd_day_does_not_teach():
    values = counts()
    odd = values.copy()
    odd[80] = 4_000
    calm, after = (judge(one, calendar(120, 2), Judging()) for one in (values, odd))
    assert (after.odd[80] == 1).all()
    assert (after.odd[81:] == 0).all()
    np.testing.assert_allclose(after.expected[81:], calm.expected[81:], rtol=0.06)


def test_seven_odd_days_in_a_row_are_a_new_habit():
    values = counts()
    values[80:] = np.round(values[80:] * 0.2)
    found = judge(values, calendar(120, 2), Judging())
    assert found.odd[80 : 80 + NEW_HABIT, 0].tolist() == [-1] * NEW_HABIT
    assert found.streak[80 : 80 + NEW_HABIT, 0].tolist() == list(range(1, NEW_HABIT + 1))
    assert not found.odd[80 + NEW_HABIT :, 0].any()


def test_nothing_is_judged_before_enough_days_are_known_even_where_a_series_began_later():
    values = counts()
    values[:60, 1] = np.nan
    found = judge(values, calendar(120, 2), Judging())
    assert np.isnan(found.score[:28]).all()
    assert np.isnan(found.score[:88, 1]).all()
    assert not np.isnan(found.score[28:, 0]).any()
    assert not np.isnan(found.score[88:, 1]).any()


def test_a_sale_or_none_of_a_small_seller_alarms_nobody():
    generator = np.random.default_rng(8)
    values = generator.poisson(np.tile([0.2, 1.0, 4.0], (365, 20))).astype(float)
    assert not judge(values, calendar(365, 60), Judging()).odd.any()


def test_series_that_vary_alike_are_taken_for_alike_and_one_that_is_wild_is_not():
    generator = np.random.default_rng(9)
    spreads = np.array([0.3] * 12 + [1.5])
    errors = generator.normal(0, spreads, (60, 13))
    excess = excess_variance(errors, np.full(13, 20.0), np.full(13, 0.05), 0.06**2)
    assert excess[:12] == pytest.approx(np.full(12, 0.3**2 - 0.05), abs=0.08)
    assert excess[12] > 0.5
    few = excess_variance(errors, np.full(13, 2.0), np.full(13, 0.05), 0.06**2)
    assert (few == few[0]).all()


def test_only_the_side_that_is_meant_alarms():
    values = counts()
    values[100], values[110] = 2_000, 0
    odd = {side: judge(values, calendar(120, 2), Judging(side=side)).odd for side in ("both", "high", "low")}
    assert odd["both"][[100, 110], 0].tolist() == [1, -1]
    assert odd["high"][[100, 110], 0].tolist() == [1, 0]
    assert odd["low"][[100, 110], 0].tolist() == [0, -1]


def test_a_pay_day_is_expected_once_it_was_seen_and_said_in_words():
    days, pay = 200, np.full(200, 99)
    pay[28::30] = 0
    values = counts(days)
    values[pay == 0] *= 1.8
    kinds = calendar(days, 2, pay=pay)
    found = judge(values, kinds, Judging())
    last = int(np.flatnonzero(pay == 0)[-1])
    assert not found.odd[60:].any()
    assert found.expected[last, 0] == pytest.approx(200 * WEEKDAY[last % 7] * 1.8, rel=0.2)
    said = reasons(found, kinds, last, 0)
    assert any(one.startswith("pay-day: +") for one in said), said


def test_a_holiday_that_was_never_seen_widens_the_band():
    kinds = [calendar(120, 2, holidays=which) for which in ((), (100,))]
    plain, holiday = (judge(counts(), one, Judging()) for one in kinds)
    width = [one.high[100] - one.low[100] for one in (plain, holiday)]
    assert (width[1] > 1.5 * width[0]).all()


def test_revenue_is_as_uncertain_as_its_orders():
    generator = np.random.default_rng(2)
    orders = generator.poisson(2.0, (200, 10)).astype(float)
    revenue = np.vectorize(lambda count: generator.gamma(2, 5_000, int(count)).sum())(orders)
    found = judge(revenue, calendar(200, 10), Judging(kind="amount"), events=orders)
    assert not found.odd.any()
    revenue[150] = 400_000
    assert (judge(revenue, calendar(200, 10), Judging(kind="amount"), events=orders).odd[150] == 1).all()


def test_a_share_of_few_tries_says_little_and_of_many_much():
    generator = np.random.default_rng(4)
    tries = np.tile([8.0, 2_000.0], (90, 1))
    hits = generator.binomial(tries.astype(int), 0.3).astype(float)
    hits[80] = 0
    found = judge_shares(hits, tries, Judging())
    assert found.odd[80].tolist() == [0, -1]
    assert not found.odd[:80].any()
    assert (found.low <= found.expected)[80].all()


@pytest.mark.parametrize("expected", [0.3, 1.0, 4.0, 30.0, 900.0])
def test_scores_are_the_normal_quantiles_of_exact_tails(expected):
    for tail in (1e-3, 1e-5):
        high = stats.poisson.isf(tail, expected) + 1
        exact = stats.norm.isf(stats.poisson.sf(high - 1, expected))
        given = count_scores(np.array([high]), np.array([expected]), np.array([1e-9]))[0]
        assert given == pytest.approx(exact, abs=0.25)


def test_the_score_of_a_share_is_near_its_exact_tail():
    exact = stats.norm.ppf(stats.binom.cdf(20, 200, 0.2))
    assert share_scores(np.array([20.0]), np.array([200.0]), np.array([0.2]))[0] == pytest.approx(exact, abs=0.15)


def test_the_band_is_where_alarms_begin():
    values = counts()
    found = judge(values, calendar(120, 2), Judging())
    for factor, odd in ((1.02, 1), (0.98, 0)):
        again = values.copy()
        again[119] = found.high[119] * factor
        assert (judge(again, calendar(120, 2), Judging()).odd[119] == odd).all()


def test_the_median_leaves_out_what_is_missing():
    values = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, np.nan], [2.0, np.nan, 7.0]])
    np.testing.assert_array_equal(middle(values), [2.0, np.nan, 6.0])


def test_a_worse_day_is_never_less_odd():
    found = judge(counts(), calendar(120, 2), Judging())
    mean, excess = np.full(50, found.expected[100, 0]), np.full(50, 0.01)
    scores = count_scores(np.arange(50) * 12.0, mean, excess)
    assert all(before <= after for before, after in pairwise(scores))
