"""Compiled kernels of the samplers, one module a device."""
