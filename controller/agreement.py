"""Who may agree to what somebody else has proposed."""

from __future__ import annotations

from controller.actors import Actor, ActorKind
from controller.persons import are_one
from controller.rollouts import not_a_person
from controller.store.database import Transaction
from stages import Refusal, Refused


def refuse_agreeing(tx: Transaction, project_id: int, actor: Actor, proposed_by: str) -> None:
    """Let nobody agree who is no person, or the person who proposed it.

    Raises:
        Refused: The actor is one of these.
    """
    if actor.kind is not ActorKind.HUMAN:
        raise Refused([not_a_person(actor)])
    if are_one(tx, project_id, actor.name, proposed_by):
        message = f"{proposed_by} proposed it"
        raise Refused([Refusal("self_approval", message, "ask somebody else to approve it", "approver")])
