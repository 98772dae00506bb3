"""Attacks on a running service while an honest client measures its latency: `make attack`.

Everything stays on this machine and takes a few minutes. Each attack is a small class that says which limit must hold
and finds out whether it does. The attacker and the honest client have different loopback addresses, because limits by
address must hit one and spare the other.
"""
