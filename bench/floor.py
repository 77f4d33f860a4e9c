"""The least a Flask application can do: what our own requests are compared with."""

from __future__ import annotations

from flask import Flask, Response

app = Flask("floor", static_folder=None)


@app.get("/")
def answer() -> Response:
    """A short JSON answer."""
    return Response('{"value": true}', mimetype="application/json")
