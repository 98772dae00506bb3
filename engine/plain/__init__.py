"""Prediction written straight from the formulas of engine.md section 5, for reading.

The fast implementation (`engine.predict`) is held equal to this one by the tests. Nothing here is optimised: every
pattern is compared with the state, every list is built. Floating-point sums run left to right in an order that
depends on the data alone: symbols in order of first appearance, members in ensemble order.
"""
