"""The sandbox as Python's `kubernetes` client has it: `client.py THEME KUBECONFIG`, one theme a function.

What it finds wrong it says by ending with an error.
"""

import json
import sys

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "team"
# Far longer than anything here takes.
PATIENCE = 60

SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"epochs": "3"}}

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}},
                "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
            }}},
        }],
    },
}


def refused(status, reason, call, *arguments, **named):
    """The call has to be refused in this way; what the server says."""
    try:
        call(*arguments, **named)
    except ApiException as error:
        assert (error.status, error.reason) == (status, reason), (error.status, error.reason, error.body)
        return error.body
    raise AssertionError(f"{call} is not refused")


def deployment(image="web:1"):
    container = client.V1Container(name="main", image=image)
    labels = client.V1ObjectMeta(labels={"app": "web"})
    template = client.V1PodTemplateSpec(metadata=labels, spec=client.V1PodSpec(containers=[container]))
    selector = client.V1LabelSelector(match_labels={"app": "web"})
    spec = client.V1DeploymentSpec(replicas=2, selector=selector, template=template)
    return client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)


def objects():
    """Typed objects: made, listed by selectors, changed, put in another's place, deleted."""
    core = client.CoreV1Api()
    made = core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(
        metadata=client.V1ObjectMeta(generate_name="run-", labels={"team": "a"}), data={"lr": "0.1"}))
    assert made.metadata.name.startswith("run-") and len(made.metadata.name) > len("run-"), made
    assert made.metadata.uid and made.metadata.creation_timestamp.tzinfo, made
    name = made.metadata.name
    for labels, names in [("team=a", [name]), ("team in (b)", []), ("!team", ["kube-root-ca.crt"])]:
        found = core.list_namespaced_config_map(NAMESPACE, label_selector=labels).items
        assert [item.metadata.name for item in found] == names, (labels, found)
    found = core.list_config_map_for_all_namespaces(field_selector=f"metadata.name={name}").items
    assert len(found) == 1 and found[0].api_version is None, "items of lists bear no kind"
    changed = core.patch_namespaced_config_map(name, NAMESPACE, {"data": {"epochs": "3"}})
    assert changed.data == {"lr": "0.1", "epochs": "3"}, changed
    changed = core.patch_namespaced_config_map(name, NAMESPACE, [{"op": "remove", "path": "/data/lr"}])
    assert changed.data == {"epochs": "3"}, changed
    # The one that was read first has been overtaken.
    made.data = {"x": "y"}
    assert "modified" in refused(409, "Conflict", core.replace_namespaced_config_map, name, NAMESPACE, made)
    changed.data = {"x": "y"}
    assert core.replace_namespaced_config_map(name, NAMESPACE, changed).data == {"x": "y"}
    tried = core.patch_namespaced_config_map(name, NAMESPACE, {"data": {"x": "z"}}, dry_run="All")
    assert tried.data == {"x": "z"} and core.read_namespaced_config_map(name, NAMESPACE).data == {"x": "y"}
    wrong = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    refused(409, "Conflict", core.delete_namespaced_config_map, name, NAMESPACE, body=wrong)
    assert core.delete_namespaced_config_map(name, NAMESPACE)["status"] == "Success"
    refused(404, "Not Found", core.read_namespaced_config_map, name, NAMESPACE)
    secret = core.create_namespaced_secret(NAMESPACE, client.V1Secret(
        metadata=client.V1ObjectMeta(name="keys"), string_data={"a": "b"}))
    assert secret.data == {"a": "Yg=="} and secret.string_data is None, secret
    refused(409, "Conflict", core.create_namespace, client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    refused(422, "Unprocessable Entity", core.create_namespaced_config_map, NAMESPACE,
            client.V1ConfigMap(metadata=client.V1ObjectMeta(name="Not_A_Name")))


def pages():
    """Lists in pages, and what is left."""
    core = client.CoreV1Api()
    for number in range(7):
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(
            metadata=client.V1ObjectMeta(name=f"page-{number}", labels={"paged": "yes"})))
    names, next_page, left, versions = [], None, [], set()
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="paged", limit=3, _continue=next_page)
        names += [item.metadata.name for item in page.items]
        versions.add(page.metadata.resource_version)
        next_page = page.metadata._continue
        if not next_page:
            break
        left.append(len(page.items))
        # What comes in between is not part of the list that was begun.
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(
            metadata=client.V1ObjectMeta(generate_name="page-late-", labels={"paged": "yes"})))
    assert names == [f"page-{number}" for number in range(7)], names
    assert left == [3, 3] and len(versions) == 1, (left, versions)
    refused(400, "Bad Request", core.list_namespaced_config_map, NAMESPACE, limit=3, _continue="nonsense")


def watches():
    """A watch from a list on: what changes comes in its order, and only what is selected."""
    core = client.CoreV1Api()
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, SETTINGS | {"metadata": {"name": "seen", "labels": {"seen": "yes"}}})
    core.create_namespaced_config_map(NAMESPACE, SETTINGS | {"metadata": {"name": "unseen"}})
    core.patch_namespaced_config_map("seen", NAMESPACE, {"data": {"epochs": "4"}})
    # One that is no longer selected is gone for whoever watches.
    core.patch_namespaced_config_map("seen", NAMESPACE, {"metadata": {"labels": {"seen": None}}})
    follow = watch.Watch()
    events = []
    for event in follow.stream(core.list_namespaced_config_map, NAMESPACE, label_selector="seen=yes",
                               resource_version=start, timeout_seconds=PATIENCE):
        events.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            follow.stop()
    assert events == [("ADDED", "seen"), ("MODIFIED", "seen"), ("DELETED", "seen")], events
    # Without a beginning it begins with what is there, and a time limit ends it.
    found = [event["object"].metadata.name for event in
             watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, timeout_seconds=1)]
    assert "unseen" in found and "seen" in found, found
    try:
        for _ in watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, resource_version="999999999",
                                      timeout_seconds=1):
            pass
    except ApiException as error:
        assert error.status in (410, 504), error


def applies():
    """Server-side apply: who owns what, conflicts, force, and fields that go because nobody applies them any more."""
    core = client.CoreV1Api()
    dyn = dynamic.DynamicClient(client.ApiClient())
    kind = dyn.resources.get(api_version="v1", kind="ConfigMap")

    def apply(manager, data, force=False):
        body = SETTINGS | {"data": data}
        return dyn.server_side_apply(kind, body=body, name="settings", namespace=NAMESPACE, field_manager=manager,
                                     force_conflicts=force)

    apply("one", {"epochs": "3", "seed": "1"})
    try:
        apply("two", {"epochs": "5"})
        raise AssertionError("two managers, no conflict")
    except ApiException as error:
        causes = json.loads(error.body)["details"]["causes"]
        assert error.status == 409 and [cause["field"] for cause in causes] == [".data.epochs"], error.body
        assert '"one"' in causes[0]["message"], causes
    apply("two", {"epochs": "5"}, force=True)
    found = core.read_namespaced_config_map("settings", NAMESPACE)
    owners = {entry.manager: entry.fields_v1["f:data"] for entry in found.metadata.managed_fields}
    assert set(owners["one"]) - {"."} == {"f:seed"} and set(owners["two"]) - {"."} == {"f:epochs"}, owners
    assert {entry.operation for entry in found.metadata.managed_fields} == {"Apply"}
    apply("one", {"seed": "2"})
    apply("two", {"other": "x"})
    assert core.read_namespaced_config_map("settings", NAMESPACE).data == {"seed": "2", "other": "x"}


def workloads():
    """A Deployment that lives: scaled, rolled on, its logs read, its pods evicted within their budget."""
    core, apps, policy = client.CoreV1Api(), client.AppsV1Api(), client.PolicyV1Api()
    apps.create_namespaced_deployment(NAMESPACE, deployment())
    until(lambda: apps.read_namespaced_deployment_status("web", NAMESPACE).status.available_replicas == 2)
    scale = apps.read_namespaced_deployment_scale("web", NAMESPACE)
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (2, 2, "app=web"), scale
    scale.spec.replicas = 3
    assert apps.replace_namespaced_deployment_scale("web", NAMESPACE, scale).spec.replicas == 3
    until(lambda: apps.read_namespaced_deployment_status("web", NAMESPACE).status.available_replicas == 3)
    apps.patch_namespaced_deployment("web", NAMESPACE, {"spec": {"template": {"spec": {"containers": [
        {"name": "main", "image": "web:2"}]}}}})
    until(lambda: len(running(core, "web:2")) == 3 and not running(core, "web:1"))
    sets = apps.list_namespaced_replica_set(NAMESPACE, label_selector="app=web").items
    assert sorted(one.metadata.annotations["deployment.kubernetes.io/revision"] for one in sets) == ["1", "2"], sets
    budget = client.V1PodDisruptionBudget(
        metadata=client.V1ObjectMeta(name="web"),
        spec=client.V1PodDisruptionBudgetSpec(min_available=3, selector=client.V1LabelSelector(match_labels={"app": "web"})))
    policy.create_namespaced_pod_disruption_budget(NAMESPACE, budget)
    pod = running(core, "web:2")[0].metadata.name
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=NAMESPACE))
    refused(429, "Too Many Requests", core.create_namespaced_pod_eviction, pod, NAMESPACE, eviction)
    policy.delete_namespaced_pod_disruption_budget("web", NAMESPACE)
    core.create_namespaced_pod_eviction(pod, NAMESPACE, eviction)
    until(lambda: pod not in {one.metadata.name for one in running(core, "web:2")})
    until(lambda: len(running(core, "web:2")) == 3)
    name = running(core, "web:2")[0].metadata.name
    assert isinstance(core.read_namespaced_pod_log(name, NAMESPACE, tail_lines=1), str)
    refused(400, "Bad Request", core.read_namespaced_pod_log, name, NAMESPACE, container="none")
    assert any(event.reason == "Scheduled" for event in core.list_namespaced_event(NAMESPACE).items)
    apps.delete_namespaced_deployment("web", NAMESPACE, propagation_policy="Foreground")
    until(lambda: not core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items)


def running(core, image):
    pods = core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items
    return [pod for pod in pods if pod.spec.containers[0].image == image and pod.status.phase == "Running"
            and not pod.metadata.deletion_timestamp]


def until(true):
    """Waits on the watch of the server, not on a clock."""
    follow = watch.Watch()
    if true():
        return
    for _ in follow.stream(client.CoreV1Api().list_pod_for_all_namespaces, timeout_seconds=PATIENCE):
        if true():
            follow.stop()
            return
    assert true(), "it never came to that"


def custom():
    """Custom kinds are equals: typed calls, the dynamic client's discovery, schemas, status."""
    client.ApiextensionsV1Api().create_custom_resource_definition(WIDGETS)
    api = client.CustomObjectsApi()
    place = ("example.com", "v1", NAMESPACE, "widgets")
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    assert api.create_namespaced_custom_object(*place, widget)["metadata"]["generation"] == 1
    wrong = widget | {"metadata": {"name": "x"}, "spec": {"size": 0}}
    assert "spec.size" in refused(422, "Unprocessable Entity", api.create_namespaced_custom_object, *place, wrong)
    changed = api.patch_namespaced_custom_object(*place, "w", {"spec": {"size": 4}})
    assert changed["spec"]["size"] == 4 and changed["metadata"]["generation"] == 2, changed
    # The status has a door of its own, and the front door does not lead there.
    changed = api.patch_namespaced_custom_object(*place, "w", {"status": {"phase": "Ready"}})
    assert "status" not in changed, changed
    changed = api.patch_namespaced_custom_object_status(*place, "w", {"status": {"phase": "Ready"}, "spec": {"size": 9}})
    assert changed["status"]["phase"] == "Ready" and changed["spec"]["size"] == 4, changed
    dyn = dynamic.DynamicClient(client.ApiClient())
    kind = dyn.resources.get(api_version="example.com/v1", kind="Widget")
    assert kind.namespaced and "status" in kind.subresources, kind.to_dict()
    assert kind.get(namespace=NAMESPACE).items[0].spec.size == 4
    assert [found.kind for found in dyn.resources.search(group="example.com")] == ["Widget", "WidgetList"]
    kind.delete(name="w", namespace=NAMESPACE)
    assert kind.get(namespace=NAMESPACE).items == []
    made = utils.create_from_dict(client.ApiClient(), {"apiVersion": "v1", "kind": "List", "items": [
        SETTINGS | {"metadata": {"name": "from-list", "namespace": NAMESPACE}}]})
    assert made[0].metadata.name == "from-list", made


def questions():
    """Versions, discovery, rights, and what is used."""
    assert client.VersionApi().get_code().major == "1"
    assert "v1" in client.CoreApi().get_api_versions().versions
    groups = {group.name: group.preferred_version.version for group in client.ApisApi().get_api_versions().groups}
    assert groups["apps"] == "v1" and groups["batch"] == "v1", groups
    names = {kind.name for kind in client.CoreV1Api().get_api_resources().resources}
    assert {"pods", "pods/log", "pods/eviction", "nodes"} <= names, names
    attributes = client.V1ResourceAttributes(verb="list", resource="pods", namespace=NAMESPACE)
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    assert client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed
    assert client.AuthenticationV1Api().create_self_subject_review(client.V1SelfSubjectReview()).status.user_info
    found = client.CustomObjectsApi().list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")["items"]
    assert {item["metadata"]["name"] for item in found} == {"one", "two"} and found[0]["usage"]["cpu"], found


def main():
    theme, path = sys.argv[1:]
    config.load_kube_config(path)
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    {"objects": objects, "pages": pages, "watches": watches, "applies": applies, "workloads": workloads,
     "custom": custom, "questions": questions}[theme]()


main()
