//! Toolset `k8s` over MCP, on a Kubernetes API: the sandbox's, or that of the cluster that `TRAINYARD_TEST_KUBECONFIG` names.
//!
//! Every test works in a namespace of its own and on what it made itself, so that a real API server can judge.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tiktoken_rs::o200k_base;
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::{Options, Server};

use crate::{BINARY, own_cluster::own_cluster};

/// Every gate open, nobody asked.
const OPEN: [&str; 6] = ["--toolsets", "k8s", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

/// A cluster, and the binary pointed at it.
struct World {
    session: Session,
    namespace: String,
    /// `None` where the cluster is somebody's own.
    sandbox: Option<Server>,
    trainyard: Trainyard,
}

impl World {
    fn new(namespace: &str, flags: &[&str]) -> Self {
        match own_cluster() {
            Some(path) => Self::with(namespace, flags, &path, None),
            None => Self::in_sandbox(namespace, flags, Server::start().unwrap()),
        }
    }

    fn in_sandbox(namespace: &str, flags: &[&str], sandbox: Server) -> Self {
        let config = sandbox.kubeconfig();
        let trainyard = Trainyard::bare(BINARY).unwrap();
        let path = trainyard.home().join("kubeconfig");
        std::fs::write(&path, config).unwrap();
        Self::connected(namespace, flags, path.to_str().unwrap(), Some(sandbox), trainyard)
    }

    fn with(namespace: &str, flags: &[&str], path: &str, sandbox: Option<Server>) -> Self {
        Self::connected(namespace, flags, path, sandbox, Trainyard::bare(BINARY).unwrap())
    }

    fn connected(namespace: &str, flags: &[&str], path: &str, sandbox: Option<Server>, trainyard: Trainyard) -> Self {
        let trainyard = trainyard.with("KUBECONFIG", path);
        let namespace = format!("trainyard-{namespace}-{}", std::process::id());
        // Made beforehand, whatever gates the session under test has.
        let made = ["call", "k8s_apply_manifest", "--toolsets", "k8s", "--allow-write", "--confirm", "never"];
        let manifest = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n");
        let ended = trainyard.run(&[&made[..], &[&format!("manifest={manifest}")]].concat()).unwrap();
        assert!(ended.status.success(), "{}", ended.stderr);
        let mut session = trainyard.serve(flags, Era::Legacy).unwrap();
        session.hello().unwrap();
        Self { session, namespace, sandbox, trainyard }
    }

    /// The arguments with the namespace of this test.
    fn here(&self, mut arguments: Value) -> Value {
        if arguments.get("namespace").is_none() {
            arguments["namespace"] = self.namespace.clone().into();
        }
        arguments
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut result = self.session.call(tool, arguments.clone()).unwrap();
        assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
        result["structuredContent"].take()
    }

    fn fail(&mut self, tool: &str, arguments: Value) -> Value {
        let mut result = self.session.call(tool, arguments).unwrap();
        assert_eq!(result["isError"], true, "{tool}: {result}");
        result["structuredContent"]["error"].take()
    }

    fn apply(&mut self, object: &Value) -> Value {
        let arguments = self.here(json!({ "manifest": object.to_string() }));
        self.call("k8s_apply_manifest", arguments)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.sandbox.is_none() {
            let gone = json!({ "kind": "Namespace", "name": self.namespace });
            drop(self.session.call("k8s_delete_object", gone));
        }
    }
}

fn settings(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn deployment(name: &str, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

#[test]
fn a_manifest_is_planned_applied_and_planned_again_with_what_differs() {
    let mut world = World::new("apply", &OPEN);
    let plan = world.here(json!({ "manifest": settings("a", &json!({"epochs": "3"})).to_string(), "dry_run": true }));
    let planned = world.call("k8s_apply_manifest", plan);
    assert!(planned.to_string().contains("ConfigMap/"), "{planned}");
    let missing = world.here(json!({ "kind": "cm", "name": "a" }));
    assert_eq!(world.fail("k8s_describe_object", missing.clone())["category"], "not_found", "a plan changes nothing");
    let applied = world.apply(&settings("a", &json!({"epochs": "3"})));
    assert_eq!(applied["created"].as_array().unwrap().len(), 1, "{applied}");
    assert_eq!(world.call("k8s_describe_object", missing)["object"]["data"]["epochs"], "3");
    let plan = world.here(json!({ "manifest": settings("a", &json!({"epochs": "5"})).to_string(), "dry_run": true }));
    let planned = world.call("k8s_apply_manifest", plan);
    assert!(planned.to_string().contains("data.epochs: 3 → 5"), "{planned}");
    let applied = world.apply(&settings("a", &json!({"epochs": "5"})));
    assert_eq!(applied["configured"].as_array().unwrap().len(), 1, "{applied}");
}

#[test]
fn what_was_applied_is_said_when_a_later_document_fails() {
    let mut world = World::new("partial", &OPEN);
    let mut bad = deployment("bad", "x");
    bad["spec"]["selector"] = json!({"matchLabels": {"app": "other"}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [settings("first", &json!({})), bad, settings("last", &json!({}))]});
    let arguments = world.here(json!({ "manifest": list.to_string() }));
    let error = world.fail("k8s_apply_manifest", arguments);
    assert_eq!(error["category"], "validation", "{error}");
    let partial = error["partial"].to_string();
    assert!(partial.contains("first was created") && partial.contains("1 later"), "{error}");
    let arguments = world.here(json!({ "manifest": "kind: Pod" }));
    assert_eq!(world.fail("k8s_apply_manifest", arguments)["code"], "BadManifest");
    let odd = json!({"apiVersion": "v1", "kind": "ConfgMap", "metadata": {"name": "x"}});
    let arguments = world.here(json!({ "manifest": odd.to_string() }));
    let error = world.fail("k8s_apply_manifest", arguments);
    assert!(error["hint"].as_str().unwrap().contains("ConfigMap"), "{error}");
}

#[test]
fn fields_of_others_are_a_conflict_that_names_them() {
    let mut world = World::new("conflict", &OPEN);
    // Every namespace has one that the cluster made and that we never set.
    let name = "kube-root-ca.crt";
    let there = world.here(json!({ "kind": "ConfigMap", "name": name, "until": "exists" }));
    assert_eq!(world.call("k8s_watch_object", there)["reached"], true);
    let arguments = world.here(json!({ "manifest": settings(name, &json!({"ca.crt": "x"})).to_string() }));
    let error = world.fail("k8s_apply_manifest", arguments.clone());
    assert_eq!((&error["category"], &error["code"]), (&json!("conflict"), &json!("Conflict")), "{error}");
    let told = error.to_string();
    assert!(told.contains(".data.ca.crt") && told.contains("force"), "{error}");
    let mut forced = arguments;
    forced["force"] = true.into();
    world.call("k8s_apply_manifest", forced);
}

#[test]
fn what_we_changed_ourselves_is_no_conflict() {
    let mut world = World::new("own", &OPEN);
    world.apply(&settings("a", &json!({"epochs": "3"})));
    let patch =
        world.here(json!({ "kind": "ConfigMap", "name": "a", "patch": {"data": {"epochs": "4", "lr": "0.1"}} }));
    let changed = world.call("k8s_patch_object", patch);
    assert_eq!(changed["changes"][0], "data.epochs: 3 → 4", "{changed}");
    let plan = world.here(json!({ "manifest": settings("a", &json!({"epochs": "5"})).to_string(), "dry_run": true }));
    let planned = world.call("k8s_apply_manifest", plan);
    assert!(planned.to_string().contains("data.epochs: 4 → 5"), "{planned}");
    world.apply(&settings("a", &json!({"epochs": "5"})));
    let found = world.here(json!({ "kind": "ConfigMap", "name": "a" }));
    let data = world.call("k8s_describe_object", found)["object"]["data"].take();
    assert_eq!(data, json!({"epochs": "5", "lr": "0.1"}), "what was patched beside it stays");
    // Neither is a scale.
    world.apply(&deployment("web", "registry.example/web:1"));
    let scale = world.here(json!({ "kind": "deploy", "name": "web", "replicas": 2 }));
    world.call("k8s_scale_object", scale);
    world.apply(&deployment("web", "registry.example/web:1"));
}

#[test]
fn rules_by_tag_go_by_labels() {
    let mut world = World::new("labels", &OPEN);
    let labelled = |name: &str, labels: Value, data: Value| {
        let mut object = settings(name, &data);
        object["metadata"]["labels"] = labels;
        object
    };
    world.apply(&labelled("ours", json!({"team": "a"}), json!({"x": "1"})));
    world.apply(&labelled("theirs", json!({"team": "b", "protected": "yes"}), json!({"x": "1"})));
    let policy = world.trainyard.home().join("policy.toml");
    std::fs::write(&policy, "[protected]\ntags = { protected = \"yes\" }\n").unwrap();
    let flags = [&OPEN[..], &["--policy", policy.to_str().unwrap()]].concat();
    let mut judged = world.trainyard.serve(&flags, Era::Legacy).unwrap();
    judged.hello().unwrap();
    let namespace = world.namespace.clone();
    let mut call = |tool: &str, more: Value| {
        let mut arguments = json!({ "namespace": namespace });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        judged.call(tool, arguments).unwrap()["structuredContent"].take()
    };
    let at = |name: &str, more: Value| {
        let mut arguments = json!({ "kind": "cm", "name": name });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let done = call("k8s_patch_object", at("ours", json!({ "patch": {"data": {"x": "2"}} })));
    assert_eq!(done["changes"][0], "data.x: 1 → 2", "{done}");
    // What the manifest says of labels does not take the protection away.
    let disguised = labelled("theirs", json!({"team": "a"}), json!({"x": "2"})).to_string();
    for (tool, arguments) in [
        ("k8s_patch_object", at("theirs", json!({ "patch": {"data": {"x": "2"}} }))),
        ("k8s_delete_object", at("theirs", json!({}))),
        ("k8s_apply_manifest", json!({ "manifest": disguised })),
    ] {
        let refused = call(tool, arguments);
        assert_eq!(refused["error"]["category"], "policy_denied", "{tool}: {refused}");
        assert!(refused.to_string().contains("protected"), "{tool}: {refused}");
    }
    let new = labelled("new", json!({"team": "a"}), json!({})).to_string();
    assert_eq!(call("k8s_apply_manifest", json!({ "manifest": new }))["created"].as_array().unwrap().len(), 1);
}

#[test]
fn a_manifest_in_json_is_text_at_the_shell() {
    let world = World::new("shell", &["--toolsets", "k8s"]);
    let manifest = format!("manifest={}", settings("from-shell", &json!({"epochs": "3"})));
    let namespace = format!("namespace={}", world.namespace);
    let line = [
        "call",
        "k8s_apply_manifest",
        "--toolsets",
        "k8s",
        "--allow-write",
        "--confirm",
        "never",
        &manifest,
        &namespace,
    ];
    let ended = world.trainyard.run(&line).unwrap();
    assert!(ended.status.success() && ended.stdout.contains("from-shell"), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn values_of_secrets_are_shown_only_behind_their_gate() {
    let mut world = World::new("secret", &OPEN);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": "correct-horse"}});
    let told = world.apply(&secret).to_string();
    let at = world.here(json!({ "kind": "Secret", "name": "s" }));
    let described = world.call("k8s_describe_object", at.clone());
    let listed = world.here(json!({ "kind": "Secret" }));
    let listed = world.call("k8s_list_objects", listed).to_string();
    let mut patch = at;
    patch["patch"] = json!({"stringData": {"password": "correct-horse-battery"}});
    patch["dry_run"] = true.into();
    let planned = world.call("k8s_patch_object", patch).to_string();
    for text in [told, described.to_string(), listed, planned] {
        assert!(!text.contains("correct-horse") && !text.contains("Y29ycmVjdC1ob3JzZ"), "{text}");
    }
    assert_eq!(described["object"]["data"]["password"], "[redacted]");
    let secret = world.here(json!({ "name": "s" }));
    let values = world.call("k8s_get_secret", secret.clone());
    assert!(values["values"].get("password").is_some(), "{values}");
    let mut closed = World::new("secret-closed", &["--toolsets", "k8s", "--allow-write", "--confirm", "never"]);
    assert!(closed.fail("k8s_get_secret", secret)["hint"].to_string().contains("--allow-sensitive-data-access"));
}

#[test]
fn every_gate_refuses_and_names_its_flag() {
    let mut world = World::new("gates", &["--toolsets", "k8s"]);
    let at = json!({ "kind": "ConfigMap", "name": "a", "namespace": world.namespace });
    let with = |more: Value| -> Value {
        let mut arguments = at.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    for (tool, arguments, flag) in [
        ("k8s_apply_manifest", json!({ "manifest": settings("a", &json!({})).to_string() }), "--allow-write"),
        ("k8s_patch_object", with(json!({ "patch": {} })), "--allow-write"),
        ("k8s_scale_object", with(json!({ "replicas": 1 })), "--allow-write"),
        ("k8s_delete_object", at.clone(), "--allow-write"),
        ("k8s_restart_rollout", at.clone(), "--allow-write"),
        ("k8s_undo_rollout", at.clone(), "--allow-write"),
        ("k8s_cordon_node", json!({ "node": "n" }), "--allow-write"),
        ("k8s_uncordon_node", json!({ "node": "n" }), "--allow-write"),
        ("k8s_drain_node", json!({ "node": "n" }), "--allow-write"),
        ("k8s_get_logs", json!({ "pod": "p" }), "--allow-sensitive-data-access"),
        ("k8s_get_secret", json!({ "name": "s" }), "--allow-sensitive-data-access"),
    ] {
        let error = world.fail(tool, arguments);
        assert!(error["hint"].to_string().contains(flag), "{tool}: {error}");
    }
}

#[test]
fn a_deployment_is_scaled_rolled_on_and_rolled_back() {
    let mut world = World::new("rollout", &OPEN);
    world.apply(&deployment("web", "registry.example/web:1"));
    let at = world.here(json!({ "kind": "deploy", "name": "web" }));
    let wait = world.here(json!({ "kind": "deploy", "name": "web", "until": "exists" }));
    assert_eq!(world.call("k8s_watch_object", wait)["reached"], true);
    let mut scaled = at.clone();
    scaled["replicas"] = 2.into();
    let scaled = world.call("k8s_scale_object", scaled);
    assert_eq!((&scaled["before"], &scaled["after"]), (&json!(1), &json!(2)), "{scaled}");
    let restarted = world.call("k8s_restart_rollout", at.clone());
    assert!(restarted["object"].as_str().unwrap().starts_with("Deployment/"), "{restarted}");
    let rollout = world.call("k8s_get_rollout", at.clone());
    assert_eq!(rollout["wanted"], 2, "{rollout}");
    let mut none = at.clone();
    none["to_revision"] = 999.into();
    assert_eq!(world.fail("k8s_undo_rollout", none)["category"], "not_found");
    let pod = world.here(json!({ "kind": "ConfigMap", "name": "web" }));
    assert_eq!(world.fail("k8s_get_rollout", pod)["category"], "unsupported");
    let mut plan = at.clone();
    plan["dry_run"] = true.into();
    let planned = world.call("k8s_delete_object", plan);
    assert!(planned.to_string().contains("Deployment/"), "{planned}");
    assert_eq!(world.call("k8s_delete_object", at.clone())["existed"], true);
    let gone = world.here(json!({ "kind": "deploy", "name": "web", "until": "deleted" }));
    assert_eq!(world.call("k8s_watch_object", gone)["reached"], true);
    assert_eq!(world.call("k8s_delete_object", at)["existed"], false);
}

#[test]
fn kinds_fields_and_clusters_are_found() {
    let mut world = World::new("discover", &OPEN);
    let kinds = world.call("k8s_list_kinds", json!({ "contains": "deploy" })).to_string();
    assert!(kinds.contains("Deployment") && kinds.contains("apps/v1"), "{kinds}");
    let clusters = world.call("k8s_list_clusters", json!({}));
    assert!(!clusters["rows"].as_array().unwrap().is_empty(), "{clusters}");
    let fields = world.call("k8s_explain_kind", json!({ "kind": "Deployment", "field": "spec" }));
    assert!(fields["fields"].to_string().contains("replicas"), "{fields}");
    let error = world.fail("k8s_explain_kind", json!({ "kind": "Deployment", "field": "spec.nothing" }));
    assert!(error["hint"].to_string().contains("replicas"), "{error}");
    let error = world.fail("k8s_list_objects", json!({ "kind": "Nonsense" }));
    assert_eq!((&error["category"], &error["code"]), (&json!("not_found"), &json!("UnknownKind")));
    let events = world.here(json!({ "warnings": true }));
    world.call("k8s_list_events", events);
}

#[test]
fn a_dead_cluster_holds_up_nobody() {
    let mut world = World::new("dead", &OPEN);
    // An address that takes connections and never answers is the worst; nothing listens on port 1.
    let dead = json!({"apiVersion": "v1", "kind": "Config", "current-context": "dead",
        "clusters": [{"name": "dead", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "dead", "context": {"cluster": "dead", "user": "u"}}]});
    let path = world.trainyard.home().join("dead");
    std::fs::write(&path, dead.to_string()).unwrap();
    let live = world.trainyard.variables()["KUBECONFIG"].clone();
    let two = Trainyard::bare(BINARY).unwrap().with("KUBECONFIG", &format!("{}:{live}", path.display()));
    let mut session = two.serve(&OPEN, Era::Legacy).unwrap();
    session.hello().unwrap();
    let failed = session.call("k8s_list_objects", json!({ "kind": "Pod" })).unwrap();
    assert_eq!(failed["structuredContent"]["error"]["category"], "network", "{failed}");
    let contexts = world.call("k8s_list_clusters", json!({}));
    let name = contexts["rows"][0][0].as_str().unwrap();
    let found = session.call("k8s_list_objects", json!({ "kind": "Namespace", "cluster": name })).unwrap();
    assert_eq!(found["isError"], false, "{found}");
}

/// Pods that nobody could make in somebody's own cluster.
fn fleet(pods: usize) -> Vec<String> {
    let pod = |number: usize| {
        let (phase, state) = match number % 300 {
            7 => ("Running", json!({"waiting": {"reason": "CrashLoopBackOff"}})),
            _ => ("Running", json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})),
        };
        let ready = state.get("running").is_some();
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("worker-{number:04}"), "namespace": "default", "labels": {"app": "worker"}},
            "spec": {"nodeName": format!("node-{:03}", number % 200), "containers": [{"name": "main", "image": "x"}]},
            "status": {"phase": phase, "podIP": format!("10.0.{}.{}", number / 250, number % 250), "containerStatuses": [
                {"name": "main", "ready": ready, "restartCount": 0, "image": "x", "imageID": "", "state": state}]}});
        format!("---\n{pod}\n")
    };
    (0..pods).map(pod).collect()
}

#[test]
fn three_thousand_pods_fit_an_answer_and_all_of_them_can_be_read() {
    let sandbox = Server::start().unwrap();
    // In pieces: a stream of documents has a limit.
    for pods in fleet(3000).chunks(500) {
        sandbox.seed(&pods.concat()).unwrap();
    }
    let mut world = World::in_sandbox("fleet", &OPEN, sandbox);
    let found = world.call("k8s_list_objects", json!({ "kind": "Pod" }));
    let tokens = o200k_base().unwrap().encode_ordinary(&found.to_string()).len();
    println!("3,000 pods: {tokens} tokens");
    assert!(tokens <= 8000, "{tokens}");
    assert_eq!((&found["total"], &found["states"]["CrashLoopBackOff"]), (&json!(3000), &json!(10)), "{found}");
    assert_eq!(found["rows"].as_array().unwrap().len(), 10, "the unusual ones, in full");
    let (mut names, mut cursor) = (BTreeSet::new(), found["next"].clone());
    while cursor.is_string() {
        let part = world.call("k8s_list_objects", json!({ "kind": "Pod", "limit": 50, "cursor": cursor }));
        let columns = part["columns"].as_array().unwrap();
        let name = columns.iter().position(|column| column == "name").unwrap();
        for row in part["rows"].as_array().unwrap() {
            assert!(names.insert(row[name].as_str().unwrap().to_owned()), "twice: {row}");
        }
        cursor = part["next"].clone();
        if names.len() > 400 {
            break;
        }
    }
    assert!(names.len() > 400, "{}", names.len());
}

#[test]
fn logs_of_several_pods_are_filtered_and_folded() {
    let sandbox = Server::start().unwrap();
    sandbox.seed(&fleet(2).concat()).unwrap();
    sandbox.log("default", "worker-0000", "main", "step=1 loss=0.9\nstep=2 loss=0.8\nerror: NCCL timeout\n");
    sandbox.log("default", "worker-0001", "main", "step=1 loss=0.7\n");
    let mut world = World::in_sandbox("logs", &OPEN, sandbox);
    let all = world.call("k8s_get_logs", json!({ "label_selector": "app=worker", "namespace": "default" })).to_string();
    assert!(all.contains("×2") && all.contains("NCCL timeout") && all.contains("worker-0001"), "{all}");
    let some = world.call("k8s_get_logs", json!({ "pod": "worker-0000", "namespace": "default", "contains": "nccl" }));
    assert_eq!(some["logs"][0]["lines"], 1, "{some}");
    let error = world.fail("k8s_get_logs", json!({ "pod": "nobody", "namespace": "default" }));
    assert_eq!(error["category"], "not_found", "{error}");
}

#[test]
fn a_node_is_cordoned_drained_and_taken_back() {
    let sandbox = Server::start().unwrap();
    sandbox.seed("{apiVersion: v1, kind: Node, metadata: {name: node-000}}").unwrap();
    sandbox.seed(&fleet(1).concat()).unwrap();
    sandbox.node_usage("node-000", 500, 1 << 30);
    let mut world = World::in_sandbox("drain", &OPEN, sandbox);
    let node = json!({ "node": "node-000" });
    let changed = world.call("k8s_cordon_node", node.clone());
    assert!(changed["changes"].to_string().contains("unschedulable"), "{changed}");
    world.call("k8s_uncordon_node", node.clone());
    let error = world.fail("k8s_drain_node", node);
    assert_eq!(error["code"], "PodsWouldBeLost", "{error}");
    let drained = world.call("k8s_drain_node", json!({ "node": "node-000", "force": true, "grace_seconds": 0 }));
    assert_eq!(drained["done"], true, "{drained}");
    assert_eq!(drained["evicted"], json!(["default/worker-0000"]));
    let usage = world.call("k8s_get_usage", json!({ "of": "nodes" }));
    assert!(usage["rows"].to_string().contains("500"), "{usage}");
    assert_eq!(world.fail("k8s_cordon_node", json!({ "node": "none" }))["category"], "not_found");
}

#[test]
fn whoever_may_not_is_told_the_rule() {
    let sandbox = Server::start_with(&Options { roles: true, ..Options::default() }).unwrap();
    sandbox.user("nobody-token", "nobody", &[]);
    let trainyard = Trainyard::bare(BINARY).unwrap();
    let path = trainyard.home().join("kubeconfig");
    std::fs::write(&path, sandbox.kubeconfig_for(Some("nobody-token"))).unwrap();
    let trainyard = trainyard.with("KUBECONFIG", path.to_str().unwrap());
    let mut session = trainyard.serve(&OPEN, Era::Legacy).unwrap();
    session.hello().unwrap();
    let result = session.call("k8s_list_objects", json!({ "kind": "Pod", "namespace": "default" })).unwrap();
    let error = &result["structuredContent"]["error"];
    assert_eq!(error["category"], "access_denied", "{result}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains(r#"resources ["pods"]"#) && hint.contains(r#"verbs ["list"]"#), "{hint}");
}
