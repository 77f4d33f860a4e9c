"""Sending what waits for each destination, at least once and for a day, whoever else does so at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from controller.errors import BadConfiguration
from controller.http import Outbound
from controller.lanes import Lanes
from controller.notices import CHANNELS
from controller.notices.channel import Channel, Notice, NotSent
from controller.notices.events import names_of
from controller.observability import NOTICES
from controller.secrets import Secrets
from controller.store.database import Database
from controller.store.deliveries import (
    Delivery,
    DeliveryClaim,
    DeliveryStatus,
    claim_delivery,
    claimed_delivery,
    destinations_with_due,
    settle_delivery,
)
from controller.store.destinations import Destination
from stages import pause_s

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""How often it is looked what is due."""
GIVE_UP_AFTER = timedelta(days=1)
"""How long it is tried to send a notice."""

_WIDTH = 2
_SLOWER = 6
"""Pauses grow as those of registries do, but to half an hour."""


class Deliveries:
    """Works off what waits. A destination that hangs keeps no other one waiting."""

    def __init__(
        self,
        database: Database,
        outbound: Outbound,
        secrets: Secrets,
        *,
        lease_s: float,
        deadline_s: float,
        now: Callable[[], datetime],
        console: str = "",
    ) -> None:
        """``deadline_s`` is how long one attempt may take, ``lease_s`` how long others leave it alone meanwhile.

        ``console`` is where people reach the console, for links to it.
        """
        self._database = database
        self._outbound = outbound
        self._secrets = secrets
        self._now = now
        self._console = console
        self._lease_s = max(lease_s, 2 * deadline_s)
        self._deadline_s = deadline_s
        self._lanes = Lanes(_WIDTH, self._drain)

    def run(self) -> None:
        """Begin to send what is due."""
        with self._database.read() as tx:
            due = destinations_with_due(tx, self._now())
        for id in due:
            self._lanes.wake(id)

    def join(self, timeout_s: float) -> bool:
        """Wait until nothing is being sent; False if that is not so in time."""
        return self._lanes.join(timeout_s)

    def channel(self, destination: Destination) -> Channel:
        """The channel to a destination.

        Raises:
            BadConfiguration: It cannot be used as it is connected, such as when its secret is gone.
        """
        if destination.kind not in CHANNELS:
            raise BadConfiguration(
                "kind", f"{destination.kind!r} is not a kind of destination", "connect it anew"
            )
        return CHANNELS[destination.kind].from_settings(destination.settings, self._outbound, self._secrets)

    def try_out(self, destination: Destination, notice: Notice) -> tuple[bool, str]:
        """Send a notice now, once; whether it arrived, and what is to be known about that."""
        notice = replace(notice, console=self._console)
        try:
            remark = self.channel(destination).send(notice, self._now(), self._deadline_s)
        except (NotSent, BadConfiguration) as error:
            return False, self._secrets.redact(str(error))
        return True, self._secrets.redact(remark)

    def _drain(self, destination_id: int) -> None:
        while True:
            with self._database.write() as tx:
                claim = claim_delivery(tx, destination_id, self._now(), self._lease_s)
            if claim is None:
                return
            self._send(claim)

    def _send(self, claim: DeliveryClaim) -> None:
        with self._database.read() as tx:
            delivery = claimed_delivery(tx, claim)
        if delivery is None:
            return
        try:
            notice = _notice(delivery, self._console)
            remark = self.channel(delivery.destination).send(notice, self._now(), self._deadline_s)
        except NotSent as failed:
            self._failed(claim, delivery, str(failed), failed.retry_after_s, for_good=failed.for_good)
        except BadConfiguration as bad:
            self._failed(claim, delivery, f"the destination cannot be used: {bad}")
        except Exception as error:
            # A channel promises not to raise anything else. One that does must not be tried without a pause.
            log.exception("destination %s failed", delivery.destination.key)
            self._failed(claim, delivery, f"the channel failed: {type(error).__name__}")
        else:
            self._settle(claim, delivery, DeliveryStatus.DELIVERED, self._secrets.redact(remark), None)

    def _failed(
        self,
        claim: DeliveryClaim,
        delivery: Delivery,
        why: str,
        retry_after_s: int | None = None,
        *,
        for_good: bool = False,
    ) -> None:
        why, now = self._secrets.redact(why), self._now()
        attempts = delivery.attempts + 1
        pause = max(_SLOWER * pause_s(attempts, f"{claim.id}"), retry_after_s or 0)
        if for_good or now + timedelta(seconds=pause) > delivery.added_at + GIVE_UP_AFTER:
            log.warning("giving up on telling %s of %s: %s", delivery.destination.key, delivery.event, why)
            self._settle(claim, delivery, DeliveryStatus.GIVEN_UP, why, None)
        else:
            self._settle(claim, delivery, DeliveryStatus.WAITING, why, now + timedelta(seconds=pause))

    def _settle(
        self,
        claim: DeliveryClaim,
        delivery: Delivery,
        status: DeliveryStatus,
        why: str,
        due_at: datetime | None,
    ) -> None:
        with self._database.write() as tx:
            settle_delivery(
                tx, claim, status, message=why, attempts=delivery.attempts + 1, due_at=due_at, now=self._now()
            )
        NOTICES.labels(delivery.destination.kind, status.value).inc()


def _notice(delivery: Delivery, console: str) -> Notice:
    return Notice(
        id=f"msg_{delivery.message_id}",
        event=names_of(delivery.event)[0],
        project=delivery.project,
        created_at=delivery.created_at,
        data=delivery.payload,
        console=console,
    )
