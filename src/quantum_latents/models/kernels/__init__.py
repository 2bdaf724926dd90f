"""Compiled sweeps of one run of a stacked perceptron, on one core: `product`, `mlp`."""
