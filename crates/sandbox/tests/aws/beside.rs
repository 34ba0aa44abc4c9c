//! The endpoint beside moto: the same steps of boto3 at both come to the same, or to what is named here with its reason.

use std::collections::BTreeSet;

use serde_json::Value;
use trainyard_harness::Moto;
use trainyard_sandbox::aws::{Options, Server};

use super::python;

/// Steps that come to something else, and why.
type Named = &'static [(&'static str, &'static str)];

const EC2: Named = &[
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
const STACKS: Named = &[
    ("no plan", "the API has ChangeSetNotFound for it; moto knows a validation error only"),
    ("no updates", "moto updates a stack to what it is already"),
];
const LOGS: Named = &[
    ("keep wrong", "moto keeps events for any number of days"),
    ("no query", "moto fails with a fault of its own"),
    ("put too old", "the index is exclusive, says the API; moto gives that of the event itself"),
];
const ROLES: Named = &[("role wrong", "moto takes any text for a policy")];

const OBJECTS: Named = &[
    ("bucket misnamed", "moto takes capitals and underlines"),
    ("no upload", "moto fails with a fault of its own"),
    ("wrong order", "S3 looks at the order before it looks at the parts"),
    ("wrong token", "moto fails with a fault of its own"),
];

const FUNCTIONS: Named = &[
    ("alias twice", "the API has ResourceConflictException for it; moto has a name of its own"),
    ("allow twice", "moto adds a statement of the same id"),
    ("disallow twice", "moto had it twice"),
    ("no archive", "moto takes any bytes for code"),
    ("no key", "moto does not look for the object"),
    ("no runtime", "moto makes functions without a runtime"),
    ("publish the same", "moto publishes what has not changed"),
    ("role of others", "moto does not look at whom a role trusts"),
    ("too long", "moto takes any time-out"),
    ("try code", "moto answers what the function is, not what it would be"),
    ("version in use", "moto deletes versions that aliases point to"),
    ("versions of nobody", "moto lists versions of a function that is not there"),
];

/// Has a script do its steps at both, and holds what they came to against each other.
fn compare(script: &str, part: &[&str], least: usize, named: Named) {
    let moto = Moto::start(&python::venv()).expect("moto");
    let server = Server::start(&Options { haste: 30, ..Options::default() }).expect("a port on loopback");
    let key = Server::key();
    let (ours, theirs) = (server.url(), moto.url());
    let arguments = [part, &[&ours, &theirs, &key.id, &key.secret, Server::region()]].concat();
    let said = python::run(script, &arguments);
    let (ours, theirs) = (said["sandbox"].as_object().expect("steps"), said["moto"].as_object().expect("steps"));
    assert!(ours.len() >= least, "{} steps", ours.len());
    let differ = ours.iter().filter(|(step, outcome)| theirs.get(*step) != Some(*outcome));
    let differ: BTreeSet<String> = differ
        .map(|(step, outcome)| format!("{step}: {outcome}, moto: {}", theirs.get(step).unwrap_or(&Value::Null)))
        .collect();
    let is_named = |difference: &&String| named.iter().any(|(step, _)| difference.starts_with(&format!("{step}: ")));
    let others: Vec<&String> = differ.iter().filter(|difference| !is_named(difference)).collect();
    assert!(others.is_empty(), "{others:#?}");
    let unmet = named.iter().filter(|(step, _)| ours.get(*step) == theirs.get(*step));
    assert_eq!(unmet.count(), 0, "named, and the same");
}

#[test]
fn the_same_steps_come_to_the_same_beside_moto() {
    compare("beside.py", &[], 71, EC2);
}

#[test]
fn stacks_come_to_the_same_beside_moto() {
    compare("beside_services.py", &["stacks"], 29, STACKS);
}

#[test]
fn logs_come_to_the_same_beside_moto() {
    compare("beside_services.py", &["logs"], 26, LOGS);
}

#[test]
fn roles_come_to_the_same_beside_moto() {
    compare("beside_services.py", &["roles"], 40, ROLES);
}

#[test]
fn objects_come_to_the_same_beside_moto() {
    compare("beside_services.py", &["objects"], 42, OBJECTS);
}

#[test]
fn functions_come_to_the_same_beside_moto() {
    compare("beside_services.py", &["functions"], 60, FUNCTIONS);
}
