"""The web server: Granian for HTTP and WebSockets, Django in threads, the events of `/ws/events` on the event loop.

Granian knows WSGI (threads, no WebSockets) and ASGI (one event loop; Django on it costs three times the CPU). We need
both on one port, so we run Granian's ASGI worker, which speaks WebSocket, and dispatch its HTTP requests to threads
ourselves, without the event loop in between. docs/events.md says what that costs and what it relies on.
"""
