"""Prediction written directly from the formulas of engine.md section 5, for reading.

The tests check that the fast implementation (`engine.predict`) returns the same bytes. Nothing here is optimised: it
compares every pattern with the state and builds every list. Floating-point sums run left to right in an order that
depends on the data alone: symbols in order of first appearance, members in ensemble order.
"""
