"""The admin web console: pages rendered on the server, kept current by one small script.

Every page works without the script. The blueprint is guarded by `controller.console.auth.signed_in`.
"""

# Importing the modules of views gives the blueprint its addresses.
from controller.console import (
    acts,
    audit,
    board,
    charts,
    demo,
    errors,
    feature,
    first_run,
    flag_page,
    incidents,
    live,
    promotion,
    proposals,
    readiness,
    ready_made_pages,
    release_approval,
    served,
    settings_flags,
    settings_keys,
    settings_notices,
    settings_people,
    settings_places,
    settings_sources,
    sign_in,
    sign_on,
    trigger_acts,
    trigger_pages,
)
from controller.console.auth import signed_in
from controller.console.blueprint import blueprint

__all__ = [
    "acts",
    "audit",
    "blueprint",
    "board",
    "charts",
    "demo",
    "errors",
    "feature",
    "first_run",
    "flag_page",
    "incidents",
    "live",
    "promotion",
    "proposals",
    "readiness",
    "ready_made_pages",
    "release_approval",
    "served",
    "settings_flags",
    "settings_keys",
    "settings_notices",
    "settings_people",
    "settings_places",
    "settings_sources",
    "sign_in",
    "sign_on",
    "signed_in",
    "trigger_acts",
    "trigger_pages",
]
