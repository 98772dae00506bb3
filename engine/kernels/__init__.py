"""Compiled loops over the columns of an index. Plain arrays in, plain arrays out; no Python objects.

Every kernel releases the interpreter lock, so the threads of one process predict in parallel. Numba keeps the compiled
kernels on disk, under NUMBA_CACHE_DIR as it was when Numba was first imported. It notices a change of the file that
holds a kernel, but not of another file that the kernel calls into: use a new folder for every version of these sources.
"""
