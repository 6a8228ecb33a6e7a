"""HTTP, out and in: the one client, ASGI, and a server for this machine."""
