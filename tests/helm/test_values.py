"""What the chart refuses to be told, and whether it says so in words that help."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

CHART = Path(__file__).resolve().parents[2] / "helm"
Helm = Callable[..., subprocess.CompletedProcess[str]]


def template(helm: Helm, *arguments: str) -> subprocess.CompletedProcess[str]:
    return helm(
        "template",
        "rel",
        CHART,
        "--values",
        CHART / "ci" / "minimal-values.yaml",
        *arguments,
    )


@pytest.mark.parametrize(
    ("assignment", "place"),
    [
        # A secret has no place to be written to.
        (
            "secrets.databaseUrl.value=postgresql://user:pass@host/db",
            "/secrets/databaseUrl",
        ),
        ("secrets.secretKey.value=0123456789", "/secrets/secretKey"),
        ("secrets.adminKey=hg_admin", "/secrets"),
        ("config.secretKey=0123456789", "/config"),
        ("databaseUrl=sqlite:////data/headgate.db", "at ''"),
        # What the chart sets cannot be set beside it, and what sounds like a secret needs a Secret.
        (
            'extraEnv=[{"name":"HEADGATE_DATABASE_URL","value":"sqlite:///x.db"}]',
            "/extraEnv/0/name",
        ),
        ('extraEnv=[{"name":"HEADGATE_ROLE","value":"all"}]', "/extraEnv/0/name"),
        ('extraEnv=[{"name":"LANGFUSE_SECRET_KEY","value":"sk-1"}]', "/extraEnv/0"),
        ('extraEnv=[{"name":"slack_token","value":"xoxb"}]', "/extraEnv/0"),
        (
            'extraEnv=[{"name":"DB_PASSWORD","valueFrom":{"configMapKeyRef":{"name":"a","key":"b"}}}]',
            "/extraEnv/0",
        ),
        (
            'extraEnv=[{"name":"HTTPS_PROXY","value":"http://me:secret@proxy:3128"}]',
            "/extraEnv/0/value",
        ),
        ('extraEnv=[{"name":"A"}]', "/extraEnv/0"),
        # Nobody becomes root or writes to the image.
        ("podSecurityContext.runAsNonRoot=false", "/podSecurityContext/runAsNonRoot"),
        ("podSecurityContext.runAsNonRoot=null", "/podSecurityContext"),
        ("podSecurityContext.runAsUser=0", "/podSecurityContext/runAsUser"),
        (
            "podSecurityContext.seccompProfile.type=Unconfined",
            "/podSecurityContext/seccompProfile/type",
        ),
        (
            "containerSecurityContext.readOnlyRootFilesystem=false",
            "/containerSecurityContext/readOnlyRootFilesystem",
        ),
        (
            "containerSecurityContext.allowPrivilegeEscalation=true",
            "/containerSecurityContext/allowPrivilegeEscalation",
        ),
        (
            "containerSecurityContext.privileged=true",
            "/containerSecurityContext/privileged",
        ),
        (
            "containerSecurityContext.capabilities.drop=[]",
            "/containerSecurityContext/capabilities/drop",
        ),
        (
            "containerSecurityContext.capabilities.add=[]",
            "/containerSecurityContext/capabilities",
        ),
        # Plain mistakes.
        ("image.digest=sha256:abc", "/image/digest"),
        ("image.repository=registry/headgate:1.0", "/image/repository"),
        ("image.tag=a/b", "/image/tag"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("config.publicUrl=http://headgate.example.com", "/config/publicUrl"),
        ("config.logLevel=LOUD", "/config/logLevel"),
        ("config.tickSeconds=0", "/config/tickSeconds"),
        ("config.oidc.issuer=http://login.example.com", "/config/oidc/issuer"),
        ("config.oidc.scopes=email profile", "/config/oidc/scopes"),
        ('config.oidc.roles={"risk":{"acme":["boss"]}}', "/config/oidc/roles/risk/acme/0"),
        ('config.oidc.adminGroups=["a,b"]', "/config/oidc/adminGroups/0"),
        ('config.oidc.domains=["@example.com"]', "/config/oidc/domains/0"),
        ("config.oidc.clientSecret=s3cret", "/config/oidc"),
        ("config.passwordSignIn=nobody", "/config/passwordSignIn"),
        ("web.replicas=0", "/web/replicas"),
        ("web.replica=3", "/web"),
        (
            "worker.podDisruptionBudget.maxUnavailable=0",
            "/worker/podDisruptionBudget/maxUnavailable",
        ),
        ("worker.autoscaling.enabled=true", "/worker"),
        ("service.port=70000", "/service/port"),
        ("service.type=ExternalName", "/service/type"),
        ('ingress.hosts=["headgate.example.com"]', "/ingress/hosts/0"),
        ("metrics.serviceMonitor.interval=often", "/metrics/serviceMonitor/interval"),
        ('commonLabels={"app.kubernetes.io/name":"other"}', "/commonLabels"),
        ('web.podLabels={"app.kubernetes.io/component":"worker"}', "/web/podLabels"),
        (
            'migration.serviceAccount.annotations={"helm.sh/hook":"test"}',
            "/migration/serviceAccount/annotations",
        ),
    ],
)
def test_the_schema_refuses(helm: Helm, assignment: str, place: str) -> None:
    key, _, value = assignment.partition("=")
    try:
        json.loads(value)
    except ValueError:
        value = json.dumps(value)
    answer = template(helm, "--set-json", f"{key}={value}")
    assert answer.returncode != 0, answer.stdout
    assert "don't meet the specifications of the schema" in answer.stderr
    assert place in answer.stderr


def test_all_missing_values_are_named_at_once(helm: Helm) -> None:
    answer = helm("template", "rel", CHART)
    assert answer.returncode != 0
    for name in (
        "image.repository",
        "secrets.databaseUrl.existingSecret",
        "secrets.secretKey.existingSecret",
    ):
        assert f"- {name} is empty" in answer.stderr


@pytest.mark.parametrize(
    ("assignments", "reason"),
    [
        ("ingress.enabled=true", "ingress.hosts is empty"),
        (
            "web.autoscaling.enabled=true,web.autoscaling.maxReplicas=1",
            "maxReplicas is below minReplicas",
        ),
        (
            "secrets.bootstrapAdmin.emailKey=email",
            "emailKey does nothing alone",
        ),
        (
            "secrets.bootstrapAdmin.existingSecret=a,secrets.bootstrapAdmin.apiKeyKey=",
            "names a Secret but no key",
        ),
        ("config.oidc.issuer=https://login.example.com", "go together"),
        ("config.oidc.issuer=https://a.example,config.oidc.clientId=x", "needs config.publicUrl"),
        ("config.passwordSignIn=admins", "config.oidc.issuer is empty"),
        ("web.preStopSleepSeconds=30", "uses up web.terminationGracePeriodSeconds"),
    ],
)
def test_values_that_contradict_each_other_are_refused(helm: Helm, assignments: str, reason: str) -> None:
    answer = template(helm, "--set", assignments)
    assert answer.returncode != 0
    assert reason in answer.stderr


def test_an_old_kubernetes_is_refused(helm: Helm) -> None:
    answer = template(helm, "--kube-version", "1.26.0")
    assert answer.returncode != 0
    assert "kubeVersion" in answer.stderr


def test_globals_of_a_parent_chart_are_let_through(helm: Helm) -> None:
    assert template(helm, "--set", "global.region=eu").returncode == 0


def test_the_schema_is_valid_and_describes_every_top_level_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    Draft7Validator.check_schema(schema)
    definitions = schema["definitions"]
    for name, value in schema["properties"].items():
        reference = value.get("$ref", "").rpartition("/")[2]
        assert "description" in value or "description" in definitions[reference], name
