"""Values that are shared between threads and requests and therefore must not be changed."""

from __future__ import annotations

from typing import Any, Final, NoReturn


class ReadOnlyDict(dict[str, Any]):
    """A dictionary that refuses to be changed. Its copies and pickles are plain dictionaries."""

    __slots__ = ()

    def _refuse(self, *_arguments: Any, **_named: Any) -> NoReturn:
        raise TypeError("This value is shared and read-only; copy it with dict(...) to change it.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        """Let ``copy`` and ``pickle`` make a plain dictionary."""
        return dict, (dict(self),)

    def copy(self) -> dict[str, Any]:
        """Return a plain dictionary with the same items."""
        return dict(self)


EMPTY: Final = ReadOnlyDict()


def freeze(value: Any) -> Any:
    """Return a JSON value with read-only dictionaries, and tuples for lists."""
    if isinstance(value, ReadOnlyDict):
        return value
    if isinstance(value, dict):
        return ReadOnlyDict({key: freeze(item) for key, item in value.items()})
    return tuple(map(freeze, value)) if isinstance(value, (list, tuple)) else value
