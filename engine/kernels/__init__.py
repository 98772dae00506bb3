"""Compiled loops over the columns of an index. Plain arrays in, plain arrays out; no Python objects.

Every kernel releases the interpreter lock, so the threads of one process predict in parallel. Numba keeps the compiled
kernels on disk, under NUMBA_CACHE_DIR as it was when Numba was first imported. A kernel is compiled again if its file
has changed, or one that this imports (`engine.kernels.caching`).
"""
