"""The delivery plane: flags, streams and OFREP answered from memory, with no database in the path of a request.

A small ASGI application of its own. It shares a port with the control plane, or runs alone (role ``delivery``).
"""
