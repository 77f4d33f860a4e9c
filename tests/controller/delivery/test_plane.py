"""What the delivery plane says to those who ask it for what it does not have."""

from __future__ import annotations

import asyncio
import json

from flask import Flask
from werkzeug.test import EnvironBuilder

from app import delivery_beside
from tests.planes import asked


def test_what_belongs_to_the_other_plane_is_not_there_whatever_the_method(app: Flask) -> None:
    delivery = delivery_beside(app)
    for method in ("GET", "POST", "DELETE"):
        environ = EnvironBuilder("/sdk/v1/outcomes", method=method).get_environ()
        status, _, body = asyncio.run(asked(delivery, environ))
        told = json.loads(body)
        assert (status, told["code"]) == (404, "no_such_address")
        assert "everything else to the control plane" in told["errors"][0]["remedy"]
