"""Simple priors: laws against scipy's, exact moments, settings and determinism."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from quantum_latents.latents import PRIORS, PriorSpec, build_latent, prior_source
from quantum_latents.random import stream

PARAMETERS = {
    "student_t": 5.0,
    "gaussian_mixture": 6.0,
    "rounded_gaussian": 0.7,
    "poisson": 0.5,
}
DIM, NUM, ALPHA = 4, 50_000, 1e-6
every_prior = pytest.mark.parametrize("name", PRIORS)


def draws(name, num=NUM):
    return prior_source(name, DIM, PARAMETERS.get(name)).draw(num, stream(0, "test", name))


@every_prior
def test_exact_moments_are_those_of_a_large_sample(name):
    source = prior_source(name, DIM, PARAMETERS.get(name))
    z = draws(name).astype(float)
    assert (abs(z.mean(0) - source.mean) <= 6 * np.sqrt(source.variance / NUM)).all()
    square = (z - source.mean) ** 2
    assert (abs(square.mean(0) - source.variance) <= 6 * square.std(0) / np.sqrt(NUM)).all()


CONTINUOUS = {
    "uniform": scipy.stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)),
    "laplace": scipy.stats.laplace(0, np.sqrt(0.5)),
    "student_t": scipy.stats.t(5, scale=np.sqrt(3 / 5)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_laws(name):
    z = draws(name)
    assert scipy.stats.kstest(z.ravel(), CONTINUOUS[name].cdf).pvalue > ALPHA
    assert scipy.stats.kstest(z.ravel(), "norm").pvalue < ALPHA
    correlation = np.corrcoef(scipy.stats.rankdata(z, axis=0).T)
    assert (abs(correlation - np.eye(DIM)) < 6 / np.sqrt(NUM)).all()


def test_the_mixture_has_two_modes_an_axis():
    z = draws("gaussian_mixture") * np.sqrt(1 + 36 / DIM)
    # Components 6 deviations from the middle: the largest coordinate tells which.
    axis = abs(z).argmax(1)
    side = np.take_along_axis(z, axis[:, None], 1)[:, 0] > 0
    assert scipy.stats.chisquare(np.bincount(2 * axis + side)).pvalue > ALPHA
    rest = np.take_along_axis(z, ((axis + 1) % DIM)[:, None], 1)[:, 0]
    # A far component's other coordinates are standard normals, but for the 1e-3 that are mistaken.
    assert scipy.stats.kstest(rest[:5000], "norm").pvalue > ALPHA
    assert scipy.stats.kstest(z[:, 0], "norm").pvalue < ALPHA


def assert_frequencies(values, law):
    observed = np.array([(values == k).sum() for k in law])
    expected = np.array(list(law.values())) * values.size
    observed = np.append(observed, values.size - observed.sum())
    expected = np.append(expected, values.size - expected.sum())
    assert scipy.stats.chisquare(observed, expected, sum_check=False).pvalue > ALPHA


def test_discrete_laws():
    normal = scipy.stats.norm(scale=0.7)
    law = {k: normal.cdf(k + 0.5) - normal.cdf(k - 0.5) for k in range(-2, 3)}
    assert_frequencies(draws("rounded_gaussian"), law)
    poisson = {k: scipy.stats.poisson(0.5).pmf(k) for k in range(5)}
    assert_frequencies(draws("poisson"), poisson)
    with pytest.raises(AssertionError):
        assert_frequencies(
            draws("poisson"), {k: scipy.stats.poisson(0.52).pmf(k) for k in range(5)}
        )
    rows = draws("one_hot")
    assert (rows.sum(1) == 1).all()
    assert scipy.stats.chisquare(rows.sum(0)).pvalue > ALPHA


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0, 20.0])
def test_the_variance_of_rounded_normals(sigma):
    exact = prior_source("rounded_gaussian", 1, sigma).variance[0]
    k = np.arange(-2000, 2001)
    normal = scipy.stats.norm(scale=sigma)
    # Differences of the tail on one side only: no digits cancel.
    law = normal.sf(abs(k) - 0.5) - normal.sf(abs(k) + 0.5)
    assert np.isclose(exact, (k**2 * law).sum(), rtol=1e-12)
    if sigma >= 1:  # Sheppard's correction
        assert np.isclose(exact, sigma**2 + 1 / 12, rtol=1e-2)


@every_prior
def test_rows_depend_on_their_stream_alone(name):
    rows = draws(name, 5000)
    assert np.array_equal(draws(name, 4500), rows[:4500])
    other = prior_source(name, DIM, PARAMETERS.get(name)).draw(5000, stream(1, "test", name))
    assert not np.array_equal(other, rows)
    assert draws(name, 0).shape == (0, DIM)


def spec_of(name, parameter=None):
    return PriorSpec(
        name=name, parameter=parameter, dim=DIM, scaling="raw", bank_size=None, num_held_out=9
    )


@every_prior
def test_a_spec_becomes_a_latent(name, tmp_path):
    spec = spec_of(name, PARAMETERS.get(name))
    latent = build_latent(spec, 0, tmp_path)
    assert latent.sample(7, stream(0, "z")).shape == (7, DIM)
    assert latent.card == spec.card
    assert np.isfinite(latent.moments.variance).all()


def test_a_whole_number_is_a_number():
    assert spec_of("student_t", 5) == spec_of("student_t", 5.0)
    assert type(spec_of("student_t", 5).parameter) is float


@pytest.mark.parametrize(
    ("name", "parameter", "said"),
    [
        ("cauchy", None, "no prior is called 'cauchy'"),
        ("student_t", None, "needs a parameter: its degrees of freedom"),
        ("student_t", 2.0, "more than 2, not 2.0"),
        ("student_t", float("nan"), "not nan"),
        ("student_t", float("inf"), "not inf"),
        ("gaussian_mixture", 0.0, "more than 0, not 0.0"),
        ("rounded_gaussian", 0.01, "from 0.1 to 100, not 0.01"),
        ("poisson", -1.0, "above 0 and at most 100, not -1.0"),
        ("poisson", 101, "not 101"),
        ("uniform", 1.0, "'uniform' has no parameter"),
    ],
)
def test_bad_settings_are_refused(name, parameter, said):
    with pytest.raises(ValueError, match=said):
        spec_of(name, parameter)


def test_other_bad_settings_are_refused():
    with pytest.raises(TypeError, match="is a number"):
        spec_of("poisson", "0.5")
    with pytest.raises(ValueError, match="at least 2 coordinates"):
        replace(spec_of("one_hot"), dim=1)
