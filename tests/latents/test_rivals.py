"""Rivals: every promised moment against exact values, contrasts, refusals and determinism."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents import (
    CopulaSource,
    DirichletMultinomialSource,
    IndependentCounts,
    PairwiseSource,
    PhotonicSpec,
    RivalSpec,
    build_latent,
    dispersed,
    fitted_bernoulli,
    mode_laws,
    negative_binomial,
    rival_source,
    shuffled,
)
from quantum_latents.latents.copula import nearest_correlation
from quantum_latents.latents.independent import SHUFFLED_CARD, count_law
from quantum_latents.random import stream
from quantum_latents.samplers import (
    Noise,
    boson_law,
    covariance,
    marginal_law,
    mean_occupancy,
    pair_correlators,
)

# All but the three whose samplers have tests of their own.
NAMES = (
    "shuffled",
    "copula",
    "negative_binomial",
    "dispersed",
    "dirichlet_multinomial",
    "pairwise",
    "fitted_bernoulli",
)
ALPHA = 1e-6
DEVICE, OCCUPATION = haar(16, stream(0, "interferometer")), evenly_spread(16, 8)
SMALL, FEW = haar(5, stream(1, "interferometer")), (1, 0, 1, 1, 0)
SPLITTER = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
NUM = 100_000
every_rival = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def sources():
    """Every rival at 16 modes and 8 photons: the pairwise model is fitted once."""
    return {name: rival_source(name, DEVICE, OCCUPATION) for name in NAMES}


@pytest.fixture(scope="module")
def counts(sources):
    return {name: sources[name].draw(NUM, stream(0, "test", name)).astype(float) for name in NAMES}


def assert_moments(sample, mean, matrix):
    """Six standard errors; the spread of the products is the sample's own."""
    error = np.sqrt(np.diag(matrix) / len(sample))
    assert (abs(sample.mean(0) - mean) <= 6 * error + 1e-12).all()
    centred = sample - mean
    found = centred.T @ centred / len(sample)
    fourth = (centred**2).T @ centred**2 / len(sample)
    error = np.sqrt(np.maximum(fourth - found**2, 0) / len(sample))
    assert (abs(found - matrix) <= 6 * error + 1e-12).all()


def assert_law(sample, outcomes, probabilities):
    base = int(outcomes.max()) + 1
    keys = outcomes.astype(np.int64) @ base ** np.arange(outcomes.shape[1])
    order = np.argsort(keys)
    drawn = sample.astype(np.int64) @ base ** np.arange(outcomes.shape[1])
    places = np.searchsorted(keys[order], drawn).clip(max=len(keys) - 1)
    assert (keys[order][places] == drawn).all()
    observed = np.bincount(places, minlength=len(keys))
    expected = probabilities[order] * len(sample)
    # Rare outcomes are pooled, so that the statistic has its law.
    rare = expected < 10
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    kept = expected > 0
    assert observed[~kept].sum() == 0
    test = scipy.stats.chisquare(observed[kept], expected[kept], sum_check=False)
    assert test.pvalue > ALPHA


@pytest.mark.parametrize("occupation", [(1, 0, 1, 1, 0), (2, 0, 3, 0, 0), (0, 0, 0, 0, 0)])
def test_mode_laws_are_those_of_the_enumerated_law(occupation):
    outcomes, probabilities = boson_law(SMALL, occupation)
    laws = mode_laws(SMALL, occupation)
    for mode in range(5):
        law = np.bincount(outcomes[:, mode], probabilities, minlength=sum(occupation) + 1)
        assert np.allclose(laws[mode], law, atol=1e-13)


def test_mode_laws_are_exact_where_permanents_end():
    laws = mode_laws(DEVICE, OCCUPATION)
    assert np.allclose(laws[3], marginal_law(DEVICE, OCCUPATION, Noise(), [3])[1], atol=1e-12)
    # 40 photons in 40 modes: alternating sums of doubles would have lost every digit.
    device, full = haar(40, stream(0, "large")), (1,) * 40
    laws = mode_laws(device, full)
    values = np.arange(41)
    assert np.allclose(laws.sum(1), 1, atol=1e-14)
    assert np.allclose(laws @ values, mean_occupancy(device, full), atol=1e-12)
    variance = laws @ values**2 - (laws @ values) ** 2
    assert np.allclose(variance, np.diag(covariance(device, full)), atol=1e-11)
    assert (laws[:, :12] > 0).all()


@every_rival
def test_exact_moments_are_those_of_a_large_sample(name, sources, counts):
    source = sources[name]
    assert_moments(counts[name], source.mean, source.covariance)
    assert np.allclose(np.diag(source.covariance), source.variance, atol=1e-12)


@every_rival
def test_promised_moments_are_the_quantum_latents(name, sources):
    mean, matrix = mean_occupancy(DEVICE, OCCUPATION), covariance(DEVICE, OCCUPATION)
    source, variance = sources[name], np.diag(matrix)
    shares_mean = name != "fitted_bernoulli"
    shares_variance = name not in ("dirichlet_multinomial", "fitted_bernoulli")
    assert np.allclose(source.mean, mean, atol=1e-6) == shares_mean
    assert np.allclose(source.variance, variance, atol=3e-6) == shares_variance
    # The contrast: only the pairwise model has the correlations.
    assert np.allclose(source.covariance, matrix, atol=3e-6) == (name == "pairwise")
    if name == "dirichlet_multinomial":
        assert np.isclose(source.variance.sum(), variance.sum(), atol=1e-12)


def test_only_two_rivals_keep_the_photon_total(counts):
    kept = {name for name in NAMES if (counts[name].sum(1) == 8).all()}
    assert kept == {"dirichlet_multinomial", "pairwise"}


@pytest.mark.parametrize("name", ["shuffled", "copula"])
def test_single_mode_laws_are_the_quantum_latents(name, counts):
    for mode, law in enumerate(mode_laws(DEVICE, OCCUPATION)):
        assert_law(counts[name][:, [mode]], np.arange(9)[:, None], law)


def test_single_mode_laws_are_not_promised_by_moments(counts):
    # Enough draws to see that a negative binomial law is another law of the same moments.
    law = mode_laws(DEVICE, OCCUPATION)[9]
    with pytest.raises(AssertionError):
        assert_law(
            counts["negative_binomial"][:, [9]], np.arange(30)[:, None], np.pad(law, (0, 21))
        )


def test_the_independent_laws_of_small_systems():
    outcomes = np.indices((4,) * 5).reshape(5, -1).T
    laws = mode_laws(SMALL, FEW)
    product = np.prod([laws[k][outcomes[:, k]] for k in range(5)], axis=0)
    sample = shuffled(SMALL, FEW).draw(NUM, stream(0, "shuffled"))
    assert_law(sample, outcomes, product)
    enumerated, probabilities = boson_law(SMALL, FEW)
    with pytest.raises(AssertionError):
        assert_law(sample, enumerated, probabilities)


def test_fitted_bits_have_the_click_probabilities(counts):
    outcomes, probabilities = boson_law(SMALL, FEW)
    clicks = (outcomes > 0).T @ probabilities
    assert np.allclose(fitted_bernoulli(SMALL, FEW).mean, clicks, atol=1e-13)
    assert set(np.unique(counts["fitted_bernoulli"])) == {0, 1}


def test_the_copula_states_what_it_leaves(sources):
    copula, matrix = sources["copula"], covariance(DEVICE, OCCUPATION)
    assert np.allclose(copula.covariance - matrix, copula.deviation, atol=1e-15)
    # Nearer to the quantum latent's correlations than independent counts are, and not there.
    apart = matrix - np.diag(np.diag(matrix))
    assert 1e-3 < np.linalg.norm(copula.deviation) < 0.6 * np.linalg.norm(apart)
    assert np.linalg.eigvalsh(copula.correlation)[0] > -1e-9
    assert np.allclose(np.diag(copula.correlation), 1)


def test_the_copula_of_pairs_that_exclude_each_other():
    # Three separate beam splitters of one photon each: the pairs exist together, at rho = -1.
    device = time_bin(6, (1,), angles=[0.4, 0.0, 0.7, 0.0, 0.3], phases=[0.0] * 5)
    copula = CopulaSource(device, (1, 0, 1, 0, 1, 0))
    assert abs(copula.deviation).max() < 3e-3  # what stopping at |rho| = 0.9999 leaves
    sample = copula.draw(NUM, stream(0, "copula")).astype(float)
    assert_moments(sample, copula.mean, copula.covariance)


def test_each_pair_of_a_copula_is_solved_for(sources):
    copula, matrix = sources["copula"], covariance(DEVICE, OCCUPATION)
    solved = copula._pairwise_correlations(matrix)
    laws = mode_laws(DEVICE, OCCUPATION)
    tails = np.cumsum(laws[:, ::-1], axis=1)[:, ::-1][:, 1:]
    mean = mean_occupancy(DEVICE, OCCUPATION)
    for i, j in ((0, 1), (3, 12), (9, 15)):
        # By definition: orthants of scipy's bivariate normal law, summed over the counts.
        normal = scipy.stats.multivariate_normal(cov=[[1, solved[i, j]], [solved[i, j], 1]])
        corners = scipy.stats.norm.ppf([[(a, b) for b in tails[j]] for a in tails[i]])
        product = normal.cdf(corners).sum()
        assert np.isclose(product - mean[i] * mean[j], matrix[i, j], atol=1e-7)


def test_a_pair_of_counts_has_plackett_s_covariance():
    # A fair bit a mode: the covariance of two is the arcsine law.
    copula = CopulaSource(SPLITTER, (1, 0))
    rho = copula.correlation[0, 1]
    assert np.isclose(copula.covariance[0, 1], np.arcsin(rho) / (2 * np.pi), atol=1e-9)
    assert np.isclose(rho, -0.9999)  # one photon excludes the other: as strong as is solved for
    assert abs(copula.deviation[0, 1]) < 3e-3


def test_the_nearest_correlation_matrix():
    # Higham 2002, section 4.
    matrix = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    nearest = nearest_correlation(matrix)
    assert np.allclose(nearest[0], [1, 0.7607, 0.1573], atol=1e-4)
    assert np.linalg.eigvalsh(nearest)[0] > -1e-9
    assert np.array_equal(nearest_correlation(np.eye(3)), np.eye(3))


def test_dispersed_takes_the_side_of_each_mode():
    device = time_bin(8, (1,), stream=stream(0, "loop"))
    occupation = evenly_spread(8, 4)
    mean, variance = mean_occupancy(device, occupation), np.diag(covariance(device, occupation))
    assert (variance < mean - 1e-6).any()
    source = dispersed(device, occupation)
    assert np.allclose(source.mean, mean, atol=1e-12)
    assert np.allclose(source.variance - variance, source.deviation, atol=1e-15)
    over = variance >= mean
    assert abs(source.deviation[over]).max(initial=0) < 1e-12
    # No other whole number of trials is nearer.
    for mode in np.flatnonzero(~over):
        trials = np.arange(max(1, np.ceil(mean[mode] - 1e-12)), 100_000)
        best = abs(mean[mode] * (1 - mean[mode] / trials) - variance[mode]).min()
        assert np.isclose(abs(source.deviation[mode]), best, atol=1e-12)
    with pytest.raises(ValueError, match=r"Fano factor of .*use 'dispersed'"):
        negative_binomial(device, occupation)


def test_count_laws():
    assert np.allclose(
        count_law(0.8, 0.8), scipy.stats.poisson(0.8).pmf(range(len(count_law(0.8, 0.8))))
    )
    # Variance mu + mu**2 is the geometric law of thermal light.
    law = count_law(0.5, 0.75)
    assert np.allclose(law, (1 / 3) ** np.arange(len(law)) * 2 / 3, atol=1e-15)
    assert count_law(0.0, 0.0).tolist() == [1.0]
    with pytest.raises(ValueError, match="a count is at most 255"):
        count_law(100.0, 1000.0)


def test_independent_counts_refuse_what_is_no_law():
    with pytest.raises(ValueError, match="sum to 1"):
        IndependentCounts([np.array([0.5, 0.4])], SHUFFLED_CARD)
    with pytest.raises(ValueError, match="at least one mode"):
        IndependentCounts([], SHUFFLED_CARD)
    with pytest.raises(ValueError, match="reaches 299"):
        IndependentCounts([np.full(300, 1 / 300)], SHUFFLED_CARD)


def test_the_dirichlet_multinomial_law():
    source = DirichletMultinomialSource(SPLITTER, (2, 1))
    alpha = source.concentration * source.mean / 3
    outcomes, _ = boson_law(SPLITTER, (2, 1))
    law = scipy.stats.dirichlet_multinomial(alpha, 3)
    probabilities = np.array([law.pmf(outcome) for outcome in outcomes.astype(int)])
    assert np.allclose(probabilities @ outcomes, source.mean)
    sample = source.draw(NUM, stream(0, "urn"))
    assert_law(sample, outcomes, probabilities)
    binomial = scipy.stats.binom(3, 0.5).pmf(outcomes[:, 0])
    with pytest.raises(AssertionError):
        assert_law(sample, outcomes, binomial)


def test_all_photons_together_are_a_dirichlet_multinomial_law():
    # Hong-Ou-Mandel: alpha_0 = 0, the ratio is n.
    source = DirichletMultinomialSource(SPLITTER, (1, 1))
    assert source.concentration < 1e-9
    assert set(map(tuple, source.draw(1000, stream(0, "urn")).tolist())) == {(2, 0), (0, 2)}


def test_the_pairwise_law(sources):
    source = PairwiseSource(SMALL, FEW)
    correlators = source.outcomes.T * source.probabilities @ source.outcomes
    assert np.allclose(correlators, pair_correlators(SMALL, FEW), atol=1e-6)
    # Its log-odds to the multinomial weight are quadratic in the counts: the form it promises.
    factorials = np.array([1.0, 1, 2, 6])[source.outcomes].prod(1)
    s = source.outcomes.astype(float)
    features = np.stack([s[:, k] * s[:, j] for k in range(5) for j in range(k + 1)], axis=1)
    log_odds = np.log(source.probabilities * factorials)
    residual = log_odds - features @ np.linalg.lstsq(features, log_odds, rcond=None)[0]
    assert abs(residual).max() < 1e-8
    outcomes, probabilities = boson_law(SMALL, FEW)
    assert abs(source.probabilities - probabilities).sum() > 0.01
    sample = source.draw(NUM, stream(0, "pairs"))
    assert_law(sample, outcomes, source.probabilities)
    with pytest.raises(AssertionError):
        assert_law(sample, outcomes, probabilities)


def test_the_pairwise_law_of_the_border():
    # No photon pair apart: couplings without bound, moments within the tolerance.
    source = PairwiseSource(SPLITTER, (1, 1))
    assert np.allclose(source.probabilities, [0.5, 0, 0.5], atol=1e-6)
    dark = from_unitary(np.eye(3))
    assert np.allclose(PairwiseSource(dark, (1, 0, 1)).mean, [1, 0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "device", "occupation", "said"),
    [
        ("pairwise", haar(16, stream(0, "x")), (1,) * 16, "300,540,195 outcomes.*'copula'"),
        ("pairwise", SPLITTER, (0, 0), "at least 1 photon"),
        ("dirichlet_multinomial", SPLITTER, (1, 0), "from 2 photons on, not 1"),
        ("dirichlet_multinomial", from_unitary(np.eye(2)), (1, 1), "0 times.*'distinguishable'"),
        ("negative_binomial", SPLITTER, (1, 0), "2 of the 2 modes.*Fano factor of 0.5"),
        ("squeezed", SPLITTER, (1, 0), "no rival is called 'squeezed'"),
        ("shuffled", SPLITTER, (1, 0, 0), "2"),
    ],
)
def test_rivals_that_cannot_exist_are_refused_by_name(name, device, occupation, said):
    with pytest.raises(ValueError, match=said):
        rival_source(name, device, occupation)


@every_rival
def test_rows_depend_on_their_stream_alone(name, sources):
    source = sources[name]
    rows = source.draw(5000, stream(3, "z"))
    assert rows.dtype == np.uint8
    assert np.array_equal(source.draw(4500, stream(3, "z")), rows[:4500])
    assert not np.array_equal(source.draw(5000, stream(4, "z")), rows)
    assert source.draw(0, stream(3, "z")).shape == (0, 16)
    if name != "pairwise":
        again = rival_source(name, DEVICE, OCCUPATION)
        assert np.array_equal(again.draw(5000, stream(3, "z")), rows)


SPEC = RivalSpec(
    name="shuffled",
    dim=6,
    num_photons=3,
    interferometer="haar",
    sharing="shared",
    scaling="standardised",
    bank_size=300,
    num_held_out=50,
)


@every_rival
@pytest.mark.parametrize("sharing", ["shared", "independent"])
def test_a_rival_has_the_quantum_latents_interferometer(name, sharing, tmp_path):
    quantum = PhotonicSpec(
        name="quantum",
        dim=6,
        num_photons=3,
        interferometer="haar",
        sharing=sharing,
        scaling="standardised",
        bank_size=300,
        num_held_out=50,
    )
    spec = replace(SPEC, name=name, sharing=sharing)
    assert spec.interferometer_at(2) == quantum.interferometer_at(2)
    if name not in ("negative_binomial", "dirichlet_multinomial"):  # which not every seed has
        latent = build_latent(spec, 2, tmp_path)
        assert np.allclose(latent.moments.variance, 1)
        assert latent.card == spec.card
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "quantum"}, "no rival is called 'quantum'"),
        ({"num_photons": 7}, "between 1 and the 6 modes, not 7"),
        ({"interferometer": "clements"}, "'clements'"),
        ({"sharing": "both"}, "'both'"),
        ({"bank_size": 0}, "bank_size"),
        ({"name": "pairwise", "dim": 32, "num_photons": 16}, "outcomes"),
        ({"name": "dirichlet_multinomial", "num_photons": 1}, "not 1"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        replace(SPEC, **settings)
