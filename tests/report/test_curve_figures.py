"""Training curves of runs that did not all get as far."""

import numpy as np

from quantum_latents.report import curve_figures as figures


def test_curves_ignore_missing_values_and_unequal_lengths():
    steps, aligned = figures._aligned([([0, 10, 20], [1.0, None, 3.0]), ([0, 10], [3.0, 4.0])])
    mean, deviation = figures._mean_and_deviation(aligned)
    np.testing.assert_array_equal(steps, [0, 10, 20])
    np.testing.assert_allclose(mean, [2.0, 4.0, 3.0])
    np.testing.assert_allclose(deviation, [np.sqrt(2), 0, 0])
