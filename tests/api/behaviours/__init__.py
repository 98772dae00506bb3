"""The 23 session behaviours that clients of KATO rely on (numbered as in the docstrings), and the stress scenario.

Over HTTP, against four real worker processes, each with httpx, requests and aiohttp.
"""
