"""What goes in and out of the API about prompt registries."""

from __future__ import annotations

from marshmallow import Schema, fields

from controller.api.fields import FreeForm, Key, Text


class RegistrySchema(Schema):
    """A prompt registry. Its settings refer to secrets as env:NAME, and hold none."""

    key = Key(required=True)
    kind = Text(40, shortest=1, required=True)
    settings = FreeForm(load_default=dict)
    created_at = fields.AwareDateTime(dump_only=True)


class RegistrySettingsSchema(Schema):
    """How a registry is reached from now on."""

    settings = FreeForm(required=True)


class PointerQuerySchema(Schema):
    """A pointer in a registry."""

    name = Text(500, shortest=1, required=True)
    pointer = Text(200, shortest=1, required=True)


class TriedSchema(Schema):
    """Where the pointer is now. Without a version it could not be read, and the message says why."""

    version = fields.String(allow_none=True)
    message = fields.String()
