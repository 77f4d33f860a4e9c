"""Bring what is sealed under another secret key of the installation."""

from __future__ import annotations

from controller.sealing import replaced, shown
from controller.store.database import Database, Transaction
from controller.store.destinations import change_destination, every_destination
from controller.store.proposals import open_proposals, rewrite_proposal
from controller.store.sources import change_source, every_source
from controller.vault import Vault


def renew_secrets(database: Database, vault: Vault) -> int:
    """Bring every secret under the current secret key, and give the number of places whose settings hold one.

    Raises:
        CannotOpen: One is under a key that is not known; then none is changed.
    """
    with database.write() as tx:
        _renew_proposals(tx, vault)
        return _renew_sources(tx, vault) + _renew_destinations(tx, vault)


def _renew_sources(tx: Transaction, vault: Vault) -> int:
    sources = every_source(tx)
    for source in sources:
        change_source(tx, source, replaced(source.settings, vault.renew))
    return sum(1 for source in sources if shown(source.settings) != source.settings)


def _renew_destinations(tx: Transaction, vault: Vault) -> int:
    sealed = [each for each in every_destination(tx) if shown(each.settings) != each.settings]
    for each in sealed:
        change_destination(tx, each.id, each.kind, replaced(each.settings, vault.renew), each.events)
    return len(sealed)


def _renew_proposals(tx: Transaction, vault: Vault) -> None:
    """What waits for a second person must still open when that one agrees."""
    for each in open_proposals(tx):
        rewrite_proposal(tx, each.id, replaced(each.wanted, vault.renew))
