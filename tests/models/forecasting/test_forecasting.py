"""Forecasts are held to the naive one, their intervals to the past, and nothing is invented for what is too short."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.forecasting.backtest import backtest, naive_error
from models.forecasting.candidates import DAY, NAIVE, WEEK, candidates_for
from models.forecasting.demand import demand_of
from models.forecasting.forecast import Forecast, NoForecast, forecast, served_model
from models.forecasting.intervals import coverage, half_widths

WEEKLY = np.array([0.9, 0.85, 0.9, 1.0, 1.25, 1.4, 0.95])


def trade(days=210, level=80.0, seed=1):
    generator = np.random.default_rng(seed)
    return generator.poisson(level * WEEKLY[np.arange(days) % 7]).astype(float)


def test_noise_around_a_week_is_forecast_better_than_by_the_week_before():
    tested = backtest(trade(), DAY)
    model, reason = served_model(tested)
    assert model in {"ets", "theta", "window_average"}
    assert tested.models[model].mae < 0.85 * tested.models[NAIVE].mae
    assert "of the naive one's" in reason


def test_where_the_past_repeats_itself_the_naive_one_is_served():
    values = np.tile(np.array([5.0, 9.0, 2.0, 7.0, 30.0, 50.0, 1.0]), 30)
    tested = backtest(values, DAY)
    assert tested.models[NAIVE].mae == 0
    assert served_model(tested) == (NAIVE, "no candidate beat it")
    made = forecast(values, DAY)
    assert made.model == NAIVE
    np.testing.assert_array_equal(made.mean, np.tile(values[:7], 2))


def test_a_random_walk_is_not_forecast_by_anything_that_loses_to_naive():
    for seed in range(6):
        walk = 500 + np.cumsum(np.random.default_rng(seed).normal(0, 9, 120))
        tested = backtest(walk, WEEK)
        assert tested.models[served_model(tested)[0]].mae <= tested.models[NAIVE].mae


def test_origins_are_rolled_and_no_model_sees_what_it_foretells():
    values = trade()
    tested = backtest(values, DAY)
    last = len(values) - DAY.horizon
    assert tested.origins == tuple(range(last - 7 * DAY.step, last + 1, DAY.step))
    naive = tested.models[NAIVE]
    for origin, truths, means in zip(tested.origins, naive.truths, naive.means, strict=True):
        np.testing.assert_array_equal(truths, values[origin : origin + DAY.horizon])
        np.testing.assert_array_equal(means, np.tile(values[origin - 7 : origin], 2))
    assert naive.mae == pytest.approx(np.abs(naive.truths - naive.means).mean())
    assert naive.mase == pytest.approx(naive.mae / naive_error(values[: tested.origins[0]], 7))


def test_intervals_are_ordered_not_below_zero_and_hold_about_as_often_as_they_say():
    inside = {80: [], 95: []}
    for seed in range(12):
        values = trade(days=224, seed=seed)
        made = forecast(values[:210], DAY)
        assert isinstance(made, Forecast)
        for low, high in ((made.low95, made.low80), (made.low80, made.mean), (made.mean, made.high80)):
            assert (low <= high).all()
        assert (made.low95 >= 0).all()
        assert (made.high80 <= made.high95).all()
        for level, found in inside.items():
            low, high = getattr(made, f"low{level}"), getattr(made, f"high{level}")
            found.append((low <= values[210:]) & (values[210:] <= high))
    assert 0.72 <= np.mean(inside[80]) <= 0.92
    assert 0.90 <= np.mean(inside[95]) <= 1.0


def test_measured_coverage_uses_errors_of_earlier_origins_alone():
    truths, means = np.full((4, 2), 10.0), np.zeros((4, 2))
    errors = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [10.0, 10.0]])
    assert coverage(truths, means, errors, np.ones(4), 0.8, first=3) == 0.0
    assert coverage(truths, means, errors, np.full(4, 10.0), 0.8, first=3) == 1.0


def test_half_widths_are_conformal_quantiles_and_do_not_shrink_ahead():
    errors = np.arange(1.0, 101.0)[:, None]
    assert half_widths(errors, 0.8)[0] == 81  # the 81st of 100: ceil(101 * 0.8)
    assert half_widths(errors[:4], 0.95)[0] == pytest.approx(4 * 1.25)  # four are too few for it
    shrinking = np.array([[9.0, 1, 1, 1, 1, 1, 1, 1]] * 20)
    assert (np.diff(half_widths(shrinking, 0.8)) >= 0).all()


@pytest.mark.parametrize(
    ("values", "demand"),
    [
        ([5, 6, 5, 7, 6, 5], "smooth"),
        ([1, 40, 2, 1, 55, 3], "erratic"),
        ([0, 0, 3, 0, 0, 3, 0, 2], "intermittent"),
        ([0, 0, 1, 0, 0, 50, 0, 2], "lumpy"),
        ([0, 0, 0], "none"),
    ],
)
def test_demand_has_the_class_that_its_gaps_and_sizes_give_it(values, demand):
    assert demand_of(np.array(values, dtype=float)) == demand


def test_rare_demand_is_forecast_by_the_croston_family_at_its_rate():
    generator = np.random.default_rng(3)
    values = (generator.random(200) < 0.2) * generator.integers(1, 4, 200).astype(float)
    assert set(candidates_for(values, 7)) == {NAIVE, "croston_sba", "tsb", "adida", "window_average"}
    made = forecast(values, DAY)
    assert made.model != NAIVE
    assert made.mean[0] == pytest.approx(values.mean(), rel=0.5)
    assert (made.low80 == 0).all()


def test_what_is_too_short_is_refused_with_a_reason_or_forecast_by_the_naive_one_with_wide_intervals():
    assert forecast(trade(13), DAY) == NoForecast("13 days are known, and a forecast needs 14")
    assert forecast(np.zeros(90), DAY) == NoForecast("nothing was ever sold")
    short, long = forecast(trade(40), DAY), forecast(trade(210), DAY)
    assert (short.model, short.tested) == (NAIVE, None)
    assert "too few for a backtest" in short.reason
    assert (short.high95 - short.low95).mean() > (long.high95 - long.low95).mean()


def test_weeks_have_a_yearly_season_only_where_two_years_were_seen_before_the_backtest():
    assert WEEK.season_in(60) == 1
    assert WEEK.season_in(2 * 52 + 4 + 3 * 2) == 52
    assert backtest(trade(60), replace(WEEK, origins=4)).season == 1


def test_the_model_that_a_backtest_chose_makes_the_forecast():
    made = forecast(trade(), DAY, "theta")
    assert (made.model, set(made.tested.models)) == ("theta", {"theta"})
    assert isinstance(forecast(trade(), DAY, "croston_sba"), NoForecast)
