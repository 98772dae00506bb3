"""Pure computation: plain data in, plain data out. No Django, no I/O, no clock.

`lesson`, `naming`, `observation`, `options`, `stm`, `vectors`, `symbols`, `view` and `finalize` load no compiler.
`index`, `predict` and `warm` load Numba.
"""
