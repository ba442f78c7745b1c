from __future__ import annotations

from catflap.agent.histogram import Distribution, Histogram


def test_an_observation_counts_in_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram((0.001, 0.01))
    for seconds in (0.0, 0.001, 0.002, 0.01, 0.02, 100.0):
        histogram.observe(seconds)
    found = histogram.distribution
    assert found.counts == (2, 2, 2)
    assert found.cumulative() == [2, 4, 6]
    assert (found.count, round(found.total, 3)) == (6, 100.033)


def test_what_was_read_does_not_change() -> None:
    histogram = Histogram((1.0,))
    before = histogram.distribution
    histogram.observe(0.5)
    assert before == Distribution((1.0,), (0, 0), 0.0)


def test_without_bounds_there_is_one_bucket() -> None:
    histogram = Histogram()
    histogram.observe(3.0)
    assert histogram.distribution.cumulative() == [1]
