"""What the chart puts into a cluster, rendered by the real helm."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.settings import BadSettingValue, load_settings

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
VALUE_SETS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
SECRET_NAMES = {
    "HEADGATE_DATABASE_URL",
    "HEADGATE_SECRET_KEY",
    "HEADGATE_ADMIN_KEY",
    "HEADGATE_ADMIN_PASSWORD",
    "HEADGATE_OIDC_CLIENT_SECRET",
}
DIGEST = "sha256:" + "0123456789abcdef" * 4

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Helm = Callable[..., subprocess.CompletedProcess[str]]
each_value_set = pytest.mark.parametrize("values", VALUE_SETS)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by their name without the release's prefix."""
    chosen = [manifest for manifest in manifests if manifest["kind"] == kind]
    return {
        re.sub(r"^(rel-headgate|gate)-?", "", chosen_one["metadata"]["name"]): chosen_one
        for chosen_one in chosen
    }


def pod_specs(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Every pod of the release, by the component it belongs to."""
    templates = [m["spec"]["template"] for m in manifests if m["kind"] in ("Deployment", "Job")]
    pods = templates + [m for m in manifests if m["kind"] == "Pod"]
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["spec"] for pod in pods}


def environment(pod: Manifest) -> dict[str, Manifest]:
    return {variable["name"]: variable for variable in pod["containers"][0].get("env", [])}


def is_hook(manifest: Manifest) -> bool:
    return "helm.sh/hook" in manifest["metadata"].get("annotations", {})


@pytest.mark.parametrize("values", [None, *VALUE_SETS])
def test_strict_lint_accepts_every_value_set(helm: Helm, values: str | None) -> None:
    chosen = ["--values", CHART / "ci" / f"{values}-values.yaml"] if values else []
    answer = helm("lint", "--strict", CHART, *chosen)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@each_value_set
def test_every_object_carries_the_recommended_labels(render: Render, values: str) -> None:
    for manifest in render(values):
        labels = manifest["metadata"]["labels"]
        names = ("name", "instance", "component", "version", "part-of", "managed-by")
        assert {f"app.kubernetes.io/{name}" for name in names} <= set(labels), manifest["metadata"]["name"]


@each_value_set
def test_every_pod_is_locked_down(render: Render, values: str) -> None:
    for component, pod in pod_specs(render(values)).items():
        assert pod["securityContext"]["runAsNonRoot"] is True, component
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]) == {"requests", "limits"}


@each_value_set
def test_kubernetes_cannot_put_a_port_variable_of_its_own_beside_ours(render: Render, values: str) -> None:
    # A Service called "headgate" would otherwise become HEADGATE_PORT=tcp://… in every pod of the namespace.
    assert all(pod["enableServiceLinks"] is False for pod in pod_specs(render(values)).values())


@each_value_set
def test_the_processes_may_write_to_tmp_and_nowhere_else(render: Render, values: str) -> None:
    for component, pod in pod_specs(render(values)).items():
        if component == "test":
            continue
        assert {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}} in pod["volumes"]
        mounts = pod["containers"][0]["volumeMounts"]
        assert {"name": "tmp", "mountPath": "/tmp"} in mounts
        assert all(mount.get("readOnly") for mount in mounts if mount["name"] != "tmp")


@each_value_set
def test_web_and_worker_are_probed_at_livez_and_readyz(render: Render, values: str) -> None:
    for component in ("web", "delivery", "worker"):
        container = pod_specs(render(values))[component]["containers"][0]
        paths = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
        assert paths == {
            "startupProbe": "/livez",
            "livenessProbe": "/livez",
            "readinessProbe": "/readyz",
        }
        assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


@each_value_set
def test_each_deployment_runs_its_own_role(render: Render, values: str) -> None:
    pods = pod_specs(render(values))
    for component in ("web", "delivery", "worker"):
        assert environment(pods[component])["HEADGATE_ROLE"]["value"] == component
        assert pods[component]["containers"][0]["args"] == ["serve"]


@each_value_set
def test_selectors_find_exactly_their_own_pods(render: Render, values: str) -> None:
    manifests = render(values)
    for name, deployment in of_kind(manifests, "Deployment").items():
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert selector["app.kubernetes.io/component"] == name
    for service, name in (("", "web"), ("delivery", "delivery")):
        found = of_kind(manifests, "Service")[service]["spec"]["selector"]
        assert found == of_kind(manifests, "Deployment")[name]["spec"]["selector"]["matchLabels"]


def backends(ingress: Manifest) -> dict[str, dict[str, str]]:
    """Which Service each path of each host leads to."""
    return {
        rule["host"]: {
            f"{path['path']} {path['pathType']}": path["backend"]["service"]["name"]
            for path in rule["http"]["paths"]
        }
        for rule in ingress["spec"]["rules"]
    }


def test_what_product_code_asks_goes_to_the_delivery_processes(render: Render) -> None:
    [ingress] = of_kind(render("everything"), "Ingress").values()
    asked = {
        "/flagd Prefix": "rel-headgate-delivery",
        "/ofrep Prefix": "rel-headgate-delivery",
        "/sdk/v1/flags Exact": "rel-headgate-delivery",
        "/sdk/v1/stream Exact": "rel-headgate-delivery",
    }
    flags = {path: service for path, service in asked.items() if path.startswith("/sdk")}
    assert backends(ingress) == {
        "headgate.example.com": asked | {"/ Prefix": "rel-headgate"},
        "flags.example.com": flags | {"/sdk Prefix": "rel-headgate"},
    }


def test_the_delivery_processes_call_nobody_but_the_database(render: Render) -> None:
    policy = of_kind(render("everything"), "NetworkPolicy")["delivery"]["spec"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 6432}


def test_two_of_each_process_run_by_default_and_may_not_leave_together(
    render: Render,
) -> None:
    manifests = render()
    for name in ("web", "delivery", "worker"):
        assert of_kind(manifests, "Deployment")[name]["spec"]["replicas"] == 2
        assert of_kind(manifests, "PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1
        assert len(pod_specs(manifests)[name]["topologySpreadConstraints"]) == 2


def test_optional_objects_are_absent_by_default(render: Render) -> None:
    kinds = {manifest["kind"] for manifest in render()}
    assert kinds == {
        "Deployment",
        "Job",
        "Pod",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }


def test_optional_objects_appear_when_asked_for(render: Render) -> None:
    kinds = {manifest["kind"] for manifest in render("everything")}
    assert {
        "HorizontalPodAutoscaler",
        "Ingress",
        "NetworkPolicy",
        "ServiceMonitor",
    } <= kinds


def test_the_autoscaler_owns_the_number_of_replicas(render: Render) -> None:
    manifests = render("everything")
    assert "replicas" not in of_kind(manifests, "Deployment")["web"]["spec"]
    scaler = of_kind(manifests, "HorizontalPodAutoscaler")["web"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
    assert scaler["scaleTargetRef"]["name"] == "rel-headgate-web"


@each_value_set
def test_no_secret_value_is_rendered(render: Render, values: str) -> None:
    manifests = render(values)
    assert not of_kind(manifests, "Secret")
    for pod in pod_specs(manifests).values():
        for name, variable in environment(pod).items():
            if name in SECRET_NAMES:
                assert set(variable["valueFrom"]["secretKeyRef"]) == {"name", "key"}, name


@each_value_set
def test_no_variable_is_set_twice(render: Render, values: str) -> None:
    for pod in pod_specs(render(values)).values():
        names = [variable["name"] for variable in pod["containers"][0].get("env", [])]
        assert len(names) == len(set(names))


def test_only_web_pods_learn_the_bootstrap_administrator(render: Render) -> None:
    pods = pod_specs(render("everything"))
    knowing = {component for component, pod in pods.items() if "HEADGATE_ADMIN_KEY" in environment(pod)}
    assert knowing == {"web"}
    assert (
        environment(pods["web"])["HEADGATE_ADMIN_PASSWORD"]["valueFrom"]["secretKeyRef"]["key"] == "password"
    )


def test_only_web_pods_sign_people_on(render: Render) -> None:
    pods = pod_specs(render("everything"))
    knowing = {component for component, pod in pods.items() if "HEADGATE_OIDC_ISSUER" in environment(pod)}
    assert knowing == {"web"}
    known = environment(pods["web"])
    assert {name: each["value"] for name, each in known.items() if "_OIDC_" in name and "value" in each} == {
        "HEADGATE_OIDC_ISSUER": "https://login.example.com/realms/acme",
        "HEADGATE_OIDC_CLIENT_ID": "headgate",
        "HEADGATE_OIDC_SCOPES": "openid email profile",
        "HEADGATE_OIDC_GROUPS_CLAIM": "groups",
        "HEADGATE_OIDC_ROLES": '{"risk-officers":{"acme":["approver"]}}',
        "HEADGATE_OIDC_ADMIN_GROUPS": "platform,on-call",
        "HEADGATE_OIDC_DOMAINS": "example.com,example.org",
    }
    secret = known["HEADGATE_OIDC_CLIENT_SECRET"]["valueFrom"]["secretKeyRef"]
    assert secret == {"name": "headgate-oidc", "key": "secret"}
    assert known["HEADGATE_PASSWORD_SIGN_IN"]["value"] == "admins"


def test_the_migration_runs_before_install_and_upgrade(render: Render) -> None:
    annotations = of_kind(render(), "Job")["migrate"]["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


@pytest.mark.parametrize("values", ["minimal", "everything"])
def test_all_the_migration_needs_from_the_chart_exists_before_it(render: Render, values: str) -> None:
    manifests = render(values)
    early = {
        (m["kind"], m["metadata"]["name"]): int(m["metadata"]["annotations"]["helm.sh/hook-weight"])
        for m in manifests
        if is_hook(m) and "pre-install" in m["metadata"]["annotations"]["helm.sh/hook"]
    }
    job = of_kind(manifests, "Job")["migrate"]
    account = ("ServiceAccount", job["spec"]["template"]["spec"]["serviceAccountName"])
    assert all(
        weight < early["Job", "rel-headgate-migrate"] for key, weight in early.items() if key[0] != "Job"
    )
    assert account in early
    if of_kind(manifests, "NetworkPolicy"):
        assert ("NetworkPolicy", "rel-headgate-migrate") in early


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("sqlite:////data/headgate.db", 64, "postgresql+psycopg://"),
        ("", 64, "Secret headgate-database, key database-url"),
        # The search path is empty, so that reaching `headgate migrate` shows as a command that is not found.
        ("postgresql+psycopg://host/headgate", 127, "headgate: not found"),
    ],
)
def test_the_migration_refuses_a_database_that_only_one_process_can_use(
    render: Render, tmp_path: Path, address: str, code: int, said: str
) -> None:
    script = pod_specs(render())["migrate"]["containers"][0]["args"][0]
    variables = {"PATH": str(tmp_path), "HEADGATE_DATABASE_URL": address}
    answer = subprocess.run(
        ["/bin/sh", "-c", script], env=variables, check=False, capture_output=True, text=True
    )
    assert answer.returncode == code
    assert said in answer.stderr


def test_a_refused_database_is_not_tried_again(render: Render) -> None:
    rule = of_kind(render(), "Job")["migrate"]["spec"]["podFailurePolicy"]["rules"][0]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [64]


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        ((), "registry.example.com/headgate:0.1.0"),
        (("--set", "image.tag=1.2.3"), "registry.example.com/headgate:1.2.3"),
        (
            ("--set", f"image.digest={DIGEST}"),
            f"registry.example.com/headgate@{DIGEST}",
        ),
        (
            ("--set", f"image.tag=1.2.3,image.digest={DIGEST}"),
            f"registry.example.com/headgate:1.2.3@{DIGEST}",
        ),
    ],
)
def test_the_digest_decides_which_image_runs(render: Render, arguments: tuple[str, ...], image: str) -> None:
    images = {pod["containers"][0]["image"] for pod in pod_specs(render("minimal", *arguments)).values()}
    assert images == {image}


def test_the_platform_may_choose_the_user(render: Render) -> None:
    contexts = [pod["securityContext"] for pod in pod_specs(render("plain")).values()]
    assert all(set(context) == {"runAsNonRoot", "seccompProfile"} for context in contexts)


def test_workers_are_closed_to_all_but_those_who_read_metrics(render: Render) -> None:
    assert of_kind(render("plain"), "NetworkPolicy")["worker"]["spec"]["ingress"] == []
    rules = of_kind(render("everything"), "NetworkPolicy")["worker"]["spec"]["ingress"]
    assert [list(peer) for peer in rules[0]["from"]] == [["namespaceSelector"]]


def test_metrics_are_read_from_web_and_worker_pods(render: Render) -> None:
    manifests = render("everything")
    monitor = of_kind(manifests, "ServiceMonitor")[""]["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    found = {n for n, s in of_kind(manifests, "Service").items() if wanted <= s["metadata"]["labels"].items()}
    assert found == {"", "delivery", "worker"}
    assert monitor["endpoints"][0]["path"] == "/metrics"


def test_the_notes_tell_how_to_get_the_admin_key(helm: Helm) -> None:
    values = CHART / "ci" / "everything-values.yaml"
    answer = helm(
        "install",
        "rel",
        CHART,
        "--namespace",
        "gate",
        "--dry-run=client",
        "--values",
        values,
    )
    assert answer.returncode == 0, answer.stderr
    notes = answer.stdout.partition("NOTES:")[2]
    template = """'{{ index .data "admin-key" | base64decode }}'"""
    assert f"kubectl --namespace gate get secret headgate-admin --template={template}" in notes
    assert "https://headgate.example.com" in notes


def test_chart_and_service_have_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]


def settings_of_the_service() -> set[str]:
    """Every variable the service knows, as it says itself when it meets one it does not know."""
    with pytest.raises(BadSettingValue) as refusal:
        load_settings({"HEADGATE_UNHEARD_OF": "1"})
    return set(re.findall(r"HEADGATE_\w+", str(refusal.value))) - {"HEADGATE_UNHEARD_OF"}


@each_value_set
def test_the_chart_sets_nothing_the_service_does_not_know(render: Render, values: str) -> None:
    for pod in pod_specs(render(values)).values():
        assert {
            name for name in environment(pod) if name.startswith("HEADGATE_")
        } <= settings_of_the_service()


@pytest.mark.parametrize("component", ["web", "delivery", "worker", "migrate"])
def test_the_service_accepts_what_the_chart_sets(render: Render, component: str) -> None:
    variables = environment(pod_specs(render("everything"))[component])
    from_secrets = {
        "HEADGATE_DATABASE_URL": "postgresql+psycopg://db/headgate",
        "HEADGATE_SECRET_KEY": "k" * 32,
    }
    given = {name: variable["value"] for name, variable in variables.items() if "value" in variable}
    settings = load_settings(given | from_secrets)
    assert (settings.log_level, settings.is_embedded) == ("DEBUG", False)
    assert settings.role == (component if component != "migrate" else "all")


def test_the_install_guide_names_every_setting() -> None:
    guide = (ROOT / "docs" / "install.md").read_text()
    assert {name for name in settings_of_the_service() if f"`{name}`" not in guide} == set()
