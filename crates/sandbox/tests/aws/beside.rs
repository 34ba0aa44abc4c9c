//! The endpoint beside moto: the same steps of boto3 at both come to the same, or to what is named here with its reason.

use std::collections::BTreeSet;

use serde_json::Value;
use trainyard_harness::Moto;
use trainyard_sandbox::aws::{KubernetesApi, Options, Server};

use super::python;

/// Steps that come to something else, and why.
pub(crate) type Named = &'static [(&'static str, &'static str)];

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

const COMPUTE: Named = &[
    ("no address translation", LISTS_NOTHING),
    ("no peering", LISTS_NOTHING),
    ("no flow log", LISTS_NOTHING),
    ("no spot request", LISTS_NOTHING),
    ("no region", LISTS_NOTHING),
    ("no zone", LISTS_NOTHING),
    ("no change of a volume", "the volume may be there and have no change; EC2 has a code of its own for that"),
    ("usual version of none", "the template was named by its id; moto calls it a name"),
    ("no spot to cancel", FAULT),
];
const STORAGE: Named = &[
    ("wrong digest", UNCHECKED),
    ("wrong sum", UNCHECKED),
    ("nothing came of it", UNCHECKED),
    ("other pieces", UNCHECKED),
    ("pieces together", "moto forgets the checksum that follows a body"),
    ("tag twice", "S3 refuses a key of two tags; moto keeps both"),
    ("copy if", "moto does not look at the tag that a copy's source is to have"),
    ("copied nothing", "S3 says NoSuchKey; moto answers without a body"),
    ("complete with sums", "moto has no checksum of checksums"),
    ("delete nothing", "what the API does not take is refused before S3 has a word for it"),
    ("delete some", "moto deletes an object by a version that it has not got"),
    ("delete quietly", "moto is not quiet"),
    ("old page", "S3 goes on from a key or a common prefix; moto gives a token of its own"),
];
const REST: Named = &[
    ("protect", FAULT),
    ("protect no more", FAULT),
    ("delete protected", "moto could not protect it"),
    ("too long", "moto lets a session last longer than its role"),
    ("take on nobody", "moto lets anybody take on a role that is not there"),
];
const CLUSTERS: Named = &[
    ("no cluster", RESOURCE),
    ("no nodes", RESOURCE),
    ("no node", RESOURCE),
    ("delete nothing", RESOURCE),
    ("kubernetes shown", "moto leaves out the family of addresses, which every cluster has"),
    ("no groups", FAULT),
    ("no profiles", FAULT),
    ("no price", FAULT),
];

const STATUS: &str = "the API's model names the status of a success; moto has another";
const LISTS_NOTHING: &str = "EC2 refuses a name or id that is not there; moto lists nothing";
const FAULT: &str = "moto fails with a fault of its own";
const UNCHECKED: &str = "moto does not look at a checksum that is given";
const RESOURCE: &str = "the API has ResourceNotFound for it; moto knows a validation error only";

const FUNCTIONS: Named = &[
    ("alias away", STATUS),
    ("alias shown", STATUS),
    ("allow", STATUS),
    ("move alias", STATUS),
    ("tag", STATUS),
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
pub(crate) fn compare(script: &str, part: &[&str], least: usize, named: Named) {
    let moto = Moto::start(&python::venv()).expect("moto");
    let kubernetes = KubernetesApi { url: "https://127.0.0.1:6443".to_owned(), authority: "PEM".to_owned() };
    let options = Options { haste: 30, kubernetes: Some(kubernetes), ..Options::default() };
    let server = Server::start(&options).expect("a port on loopback");
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
    let unmet: Vec<&str> =
        named.iter().filter(|(step, _)| ours.get(*step) == theirs.get(*step)).map(|(step, _)| *step).collect();
    assert!(unmet.is_empty(), "named, and the same: {unmet:?}");
}

#[test]
fn the_same_steps_come_to_the_same_beside_moto() {
    compare("beside.py", &["machines"], 71, EC2);
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
fn the_rest_of_compute_comes_to_the_same_beside_moto() {
    compare("beside_more.py", &["compute"], 55, COMPUTE);
}

#[test]
fn the_rest_of_storage_comes_to_the_same_beside_moto() {
    compare("beside_more.py", &["storage"], 60, STORAGE);
}

#[test]
fn the_rest_of_the_account_comes_to_the_same_beside_moto() {
    compare("beside_more.py", &["rest"], 45, REST);
}

#[test]
fn clusters_come_to_the_same_beside_moto() {
    compare("beside_more.py", &["clusters"], 50, CLUSTERS);
}

#[test]
fn functions_come_to_the_same_beside_moto() {
    compare("beside_services.py", &["functions"], 60, FUNCTIONS);
}
