"""The HTTP server that both planes run on: uvicorn, in one process or several, with the limits it leaves to proxies."""

from typing import Final

ABORT: Final = "headgate.abort"
"""The key in an ASGI scope of what cuts the connection at once, whatever still waits to be sent."""
