"""Mutants: variants of this service that lack one mechanism, and the tests that must fail with each of them.

A test of a promise proves something only if it fails without the mechanism that keeps the promise. `make mutants`
applies the changes in the folder `catalogue`, one at a time, to a copy of the project.
"""
