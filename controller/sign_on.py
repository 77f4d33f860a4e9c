"""Single sign-on by OpenID Connect: authorization code with PKCE, state and nonce, at one issuer.

What the identity provider says of somebody counts at each sign-in anew: who left a group has lost at the next sign-in
what the group brought. What was said here stays beside it.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from controller.actors import Actor
from controller.errors import Forbidden
from controller.http import Answer, Outbound, OutboundError
from controller.permissions import Role
from controller.rollouts import Clock
from controller.settings import Settings
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.memberships import Membership, memberships_of, set_membership
from controller.store.projects import all_projects
from controller.store.users import User, add_user, change_user, find_user, set_password, user_by_subject
from controller.strict_json import InvalidJSON, loads

log = logging.getLogger(__name__)

SIGN_ON = Actor("single-sign-on")
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""What an ID token may be signed with: never nothing, and never a secret that two know."""
_DEADLINE_S = 10.0
_LEEWAY_S = 60
_OK = 200


class NotSignedOn(Forbidden):
    """Somebody came back from the identity provider, and is not let in; says why."""

    def __init__(self, why: str) -> None:
        super().__init__("not_signed_on", why)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where somebody is sent to sign in, and what has to come back with them."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What groups of the identity provider bring: roles in projects, by their keys, and the whole installation."""

    roles: Mapping[str, frozenset[Role]]
    is_admin: bool


class SignOn:
    """Signs people on at one issuer."""

    def __init__(self, settings: Settings, database: Database, outbound: Outbound, now: Clock) -> None:
        self._settings = settings
        self._database = database
        self._outbound = outbound
        self._now = now

    @property
    def is_on(self) -> bool:
        """Whether there is an identity provider."""
        return bool(self._settings.oidc_issuer)

    def depart(self, redirect_uri: str) -> Departure:
        """Send somebody to the identity provider.

        Raises:
            NotSignedOn: It does not answer, or says of itself what cannot be used.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": self._settings.oidc_scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        address = str(self._metadata()["authorization_endpoint"])
        return Departure(
            f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", state, nonce, verifier
        )

    def arrive(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> User:
        """Let somebody in who came back with a code; whoever is new is known from now on.

        Raises:
            NotSignedOn: The code or what it buys is not what it should be, or they are not let in.
        """
        claims = self._claims(code, redirect_uri, nonce, verifier)
        email, subject = self._identity(claims)
        with self._database.write() as tx:
            user = self._user(tx, email, subject)
            if user.deactivated_at is not None:
                raise NotSignedOn("the user is deactivated")
            mapped = map_groups(self._settings, _groups(claims, self._settings.oidc_groups_claim))
            self._apply(tx, user, mapped)
            return user

    def _claims(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """What the ID token says, once everything about it has been checked."""
        metadata = self._metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers, ours = self._client(metadata)
        answer = self._ask("POST", str(metadata["token_endpoint"]), form | ours, headers)
        keys: Any = self._ask("GET", str(metadata["jwks_uri"]))
        try:
            token = jwt.decode(str(answer["id_token"]), KeySet.import_key_set(keys), algorithms=_ALGORITHMS)
            self._registry(nonce).validate(token.claims)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise NotSignedOn(f"the ID token is not good: {type(error).__name__}") from error
        return token.claims

    def _client(self, metadata: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Who we are, as headers and as fields: by HTTP Basic, unless the provider takes that in the form alone."""
        id, secret = self._settings.oidc_client_id, self._settings.oidc_client_secret
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not secret or "client_secret_basic" not in methods:
            return {}, {"client_id": id} | ({"client_secret": secret} if secret else {})
        basic = base64.b64encode(f"{quote(id, safe='')}:{quote(secret, safe='')}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}, {}

    def _registry(self, nonce: str) -> jwt.JWTClaimsRegistry:
        needed: dict[str, Any] = {
            "iss": {"essential": True, "value": self._settings.oidc_issuer},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
            "nonce": {"essential": True, "value": nonce},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        return jwt.JWTClaimsRegistry(now=int(self._now().timestamp()), leeway=_LEEWAY_S, **needed)

    def _identity(self, claims: Mapping[str, Any]) -> tuple[str, str]:
        """The address and the subject, if they are of somebody who may come in."""
        email = str(claims.get("email") or "").strip().lower()
        if not email or claims.get("email_verified") is not True:
            raise NotSignedOn("the identity provider has not verified the e-mail address")
        domains = [each.strip().lower() for each in self._settings.oidc_domains.split(",") if each.strip()]
        if domains and email.rpartition("@")[2] not in domains:
            raise NotSignedOn("the e-mail address is of a domain that is not let in")
        return email, f"{self._settings.oidc_issuer}|{claims['sub']}"

    def _user(self, tx: Transaction, email: str, subject: str) -> User:
        """Somebody by their subject. An address alone opens no account that signs in with a password."""
        if user := user_by_subject(tx, subject):
            return user
        known = find_user(tx, email)
        if known is not None:
            if known.subject or known.runs_installation:
                raise NotSignedOn(f"{email} is known already, and does not sign in this way")
            # Whoever let them in may know their password, which opens nothing from now on.
            set_password(tx, known.id, "", let_in_by="")
            change_user(tx, known.id, subject=subject)
        else:
            add_user(tx, email, "", self._now(), must_change=False, subject=subject)
            log.info("%s let %s in", SIGN_ON.name, email)
        found = user_by_subject(tx, subject)
        if found is None:
            raise LookupError(subject)
        return found

    def _apply(self, tx: Transaction, user: User, mapped: Mapped) -> None:
        """Give somebody what their groups bring now, and nothing that they brought before."""
        now, projects = self._now(), {project.key: project.id for project in all_projects(tx)}
        before = {each.project_id: each for each in memberships_of(tx, user.id) if each.by_group}
        for key, id in projects.items():
            roles = tuple(role for role in Role if role in mapped.roles.get(key, ()))
            had = before[id].roles if id in before else ()
            if roles != had:
                set_membership(tx, _brought(id, user, roles, now))
                self._tell(tx, id, user, "member.set_by_group", list(had), list(roles))
        if mapped.is_admin != user.admin_by_group:
            change_user(tx, user.id, admin_by_group=mapped.is_admin)
            for id in projects.values():
                self._tell(tx, id, user, "user.admin_by_group", user.admin_by_group, mapped.is_admin)

    def _tell(self, tx: Transaction, project_id: int, user: User, name: str, before: Any, after: Any) -> None:
        told = [{"user": user.actor, "by_group": each} for each in (before, after)]
        change = Change(
            project_id=project_id, name=name, actor=SIGN_ON, at=self._now(), before=told[0], after=told[1]
        )
        record(tx, change)

    def _metadata(self) -> Mapping[str, Any]:
        """What the issuer says of itself, where the standard says it does."""
        issuer = self._settings.oidc_issuer
        found = self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        missing = {"authorization_endpoint", "token_endpoint", "jwks_uri"} - set(found)
        if missing or found.get("issuer") != issuer:
            raise NotSignedOn("the identity provider describes itself as another one")
        return found

    def _ask(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            answer: Answer = self._outbound.send(
                method, url, data=form, headers=headers, deadline_s=_DEADLINE_S
            )
            content = loads(answer.body)
        except (OutboundError, InvalidJSON) as error:
            log.warning("the identity provider cannot be asked: %s", error)
            raise NotSignedOn("the identity provider does not answer as it should") from error
        if answer.status != _OK or not isinstance(content, dict):
            log.warning("the identity provider answers %s to %s", answer.status, method)
            raise NotSignedOn("the identity provider does not accept the sign-in")
        return content


def _brought(project_id: int, user: User, roles: tuple[Role, ...], now: datetime) -> Membership:
    return Membership(
        project_id=project_id,
        user_id=user.id,
        by_group=True,
        roles=roles,
        may_break_glass=False,
        granted_by=SIGN_ON.name,
        granted_at=now,
    )


def _groups(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    found = claims.get(name)
    if isinstance(found, str):
        return frozenset({found})
    return (
        frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()
    )


def map_groups(settings: Settings, groups: Collection[str]) -> Mapped:
    """What these groups bring."""
    found: dict[str, frozenset[Role]] = {}
    for group, places in read_mapping(settings.oidc_roles).items():
        if group in groups:
            for project, roles in places.items():
                found[project] = found.get(project, frozenset()) | roles
    admins = {each.strip() for each in settings.oidc_admin_groups.split(",") if each.strip()}
    return Mapped(found, bool(admins & set(groups)))


def read_mapping(text: str) -> dict[str, dict[str, frozenset[Role]]]:
    """Which group brings which roles in which project: ``{"risk-officers": {"acme": ["approver"]}}`` as JSON.

    Raises:
        ValueError: It is not of that form.
    """
    content = json.loads(text) if text.strip() else {}
    try:
        return {
            str(group): {str(project): frozenset(map(Role, roles)) for project, roles in places.items()}
            for group, places in content.items()
        }
    except (AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error
