"""Where the addresses in settings lead: looked up when they are saved, so that whoever enters one learns at once.

That nothing goes to a forbidden place is seen to when it is sent; names may lead elsewhere by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from controller.errors import BadSetting
from controller.http import Outbound, OutboundError
from controller.smtp import PORTS, taken_apart

_SCHEMES = ("http://", "https://", *(f"{scheme}://" for scheme in PORTS))


def check_leads(settings: Mapping[str, Any], outbound: Outbound) -> None:
    """Look up every address that stands in settings, wherever it does. A name that is not known yet passes.

    Raises:
        BadSetting: One leads to where nothing may be sent; names its field.
    """
    for path, url in _addresses(settings):
        try:
            _check(url, outbound)
        except (OutboundError, ValueError) as error:
            remedy = "enter an address that may be called"
            raise BadSetting(".".join(path), str(error), remedy) from None


def _check(url: str, outbound: Outbound) -> None:
    parts = urlsplit(url)
    if parts.scheme in PORTS:
        scheme, host, port = taken_apart(url)
        outbound.check_host(host, port, scheme=scheme)
    else:
        outbound.check_leads(f"{parts.scheme}://{parts.netloc}")


def _addresses(value: object, path: Sequence[str] = ()) -> Iterator[tuple[Sequence[str], str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _addresses(each, (*path, str(name)))
    elif isinstance(value, str) and value.startswith(_SCHEMES):
        yield path, value
