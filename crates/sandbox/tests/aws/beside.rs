//! The endpoint beside moto: the same steps of boto3 at both come to the same, or to what is named here with its reason.

use std::collections::BTreeSet;

use serde_json::Value;
use trainyard_harness::Moto;
use trainyard_sandbox::aws::{Options, Server};

use super::python;

/// Steps that come to something else, and why.
const NAMED: &[(&str, &str)] = &[
    ("no malformed", "EC2 tells ids that are none from ids of nothing; moto does not"),
    ("no templates", "EC2 refuses an id that is not there; moto lists nothing"),
    ("import nonsense", "EC2 calls it InvalidKey.Format; moto has a name of its own"),
    ("no image", "moto launches from any image"),
    ("no type", "moto launches any type"),
    ("subnet in use", "EC2 keeps a subnet in which instances are"),
    ("delete subnet", "moto deleted it with instances in it"),
    ("type while it runs", "EC2 changes the type of stopped instances only"),
    ("volume elsewhere", "moto makes volumes in any zone"),
    ("detach twice", "EC2 says first that the volume is available"),
    ("deregister twice", "the sandbox forgets an image that is gone; EC2 and moto know that it was there"),
];

#[test]
fn the_same_steps_come_to_the_same_beside_moto() {
    let moto = Moto::start(&python::venv()).expect("moto");
    let server = Server::start(&Options { haste: 30, ..Options::default() }).expect("a port on loopback");
    let key = Server::key();
    let arguments = [&server.url(), &moto.url(), &key.id, &key.secret, Server::region()];
    let said = python::run("beside.py", &arguments);
    let (ours, theirs) = (said["sandbox"].as_object().expect("steps"), said["moto"].as_object().expect("steps"));
    assert!(ours.len() > 70, "{} steps", ours.len());
    let differ = ours.iter().filter(|(step, outcome)| theirs.get(*step) != Some(*outcome));
    let differ: BTreeSet<String> = differ
        .map(|(step, outcome)| format!("{step}: {outcome}, moto: {}", theirs.get(step).unwrap_or(&Value::Null)))
        .collect();
    let is_named = |difference: &&String| NAMED.iter().any(|(step, _)| difference.starts_with(&format!("{step}: ")));
    let others: Vec<&String> = differ.iter().filter(|difference| !is_named(difference)).collect();
    assert!(others.is_empty(), "{others:#?}");
    let unmet = NAMED.iter().filter(|(step, _)| ours.get(*step) == theirs.get(*step));
    assert_eq!(unmet.count(), 0, "named, and the same");
}
