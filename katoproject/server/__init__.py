"""The web server: Granian for HTTP and WebSockets, Django in threads, the events of `/ws/events` on the event loop.

Granian serves WSGI (threads, no WebSockets) or ASGI (one event loop, on which Django costs three times the CPU). This
service needs both on one port. So it runs Granian's ASGI worker, which speaks WebSocket, and hands HTTP requests to
threads, without the event loop in between. The costs and what it relies on:
docs/decisions/0005-threads-beside-granian.md.
"""
