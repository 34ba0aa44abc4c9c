//! Processes that are ended by force in the middle of a change of a cluster, and what the next call is told.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::{Fault, Harm, Recorded, Server};

use crate::BINARY;

const FLAGS: [&str; 5] = ["--toolsets", "k8s", "--allow-write", "--confirm", "never"];
const SOON: Duration = Duration::from_mins(1);

/// Two objects, so that a change can be half done.
fn manifest() -> String {
    let settings = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: default\ndata:\n  key: value\n"
        )
    };
    format!("{}---\n{}", settings("first"), settings("second"))
}

fn connected(cluster: &Server) -> Trainyard {
    let at = Trainyard::bare(BINARY).unwrap();
    let path = at.home().join("kubeconfig");
    std::fs::write(&path, cluster.kubeconfig()).unwrap();
    at.with("KUBECONFIG", path.to_str().unwrap())
}

fn open(at: &Trainyard, era: Era) -> Session {
    let mut session = at.serve(&FLAGS, era).unwrap();
    session.hello().unwrap();
    session
}

fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !is() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a request is a change, not a question what a change would do.
fn changes(request: &Recorded) -> bool {
    request.method != "GET" && !request.query.contains("dryRun")
}

/// `trainyard audit` with these words.
fn audit(at: &Trainyard, words: &[&str]) -> Value {
    let all: Vec<&str> = ["audit"].iter().chain(words).copied().collect();
    serde_json::from_str(&at.run(&all).unwrap().stdout).unwrap()
}

#[test]
fn who_repeats_an_apply_whose_process_was_killed_half_way_is_told_so_and_then_it_is_completed() {
    for era in [Era::Legacy, Era::Modern] {
        killed_while_applying(era);
    }
}

fn killed_while_applying(era: Era) {
    let cluster = Server::start().unwrap();
    let at = connected(&cluster);
    let apply = json!({ "manifest": manifest() });
    cluster.fail(Fault { method: Some("PATCH".into()), ..Fault::when("configmaps/second?", Harm::Never) });
    let mut session = open(&at, era);
    session.request("tools/call", json!({ "name": "k8s_apply_manifest", "arguments": apply })).unwrap();
    let asked_for_second = || cluster.requests().iter().any(|one| changes(one) && one.path.ends_with("/second"));
    until("the second object", asked_for_second);
    // Dropping the session ends its process by force.
    drop(session);
    assert!(cluster.object("configmaps", "default", "first").is_some());
    assert!(cluster.object("configmaps", "default", "second").is_none());

    let report = audit(&at, &["verify"]);
    assert_eq!(report["sound"], true, "{report}");
    assert_eq!(report["unfinished"][0]["tool"], "k8s_apply_manifest", "{report}");

    cluster.heal();
    cluster.forget_requests();
    let mut session = open(&at, era);
    let told = session.call("k8s_apply_manifest", apply.clone()).unwrap();
    assert_eq!(told["structuredContent"]["error"]["code"], "OutcomeUnknown", "{told}");
    assert!(!cluster.requests().iter().any(changes), "nothing is changed before somebody has looked");

    let version = |name: &str| {
        let object = cluster.object("configmaps", "default", name).unwrap();
        object["metadata"]["resourceVersion"].clone()
    };
    let first = version("first");
    let done = session.call("k8s_apply_manifest", apply.clone()).unwrap();
    assert_eq!(done["isError"], false, "told once; then it is the caller's word: {done}");
    assert_eq!(version("first"), first, "what was done is not done again");
    let second = version("second");
    let again = session.call("k8s_apply_manifest", apply).unwrap();
    assert_eq!(again["isError"], false, "{again}");
    assert_eq!((version("first"), version("second")), (first, second), "all is as it was wanted");
}
