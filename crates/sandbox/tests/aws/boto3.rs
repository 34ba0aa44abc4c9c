//! The endpoint as boto3 sees it, from the environment that the other tests fetched.

use serde_json::json;
use trainyard_sandbox::{
    aws::{KubernetesApi, Options, Server},
    kubernetes::Fleet,
};

use super::python;

#[test]
fn boto3_reads_pages_waits_changes_and_is_refused() {
    let kubernetes = KubernetesApi { url: "https://127.0.0.1:6443".to_owned(), authority: "PEM".to_owned() };
    let fleet = Fleet { nodes: 12, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 2, ..Fleet::default() };
    let options = Options { haste: 20, fleet, kubernetes: Some(kubernetes), ..Options::default() };
    let server = Server::start(&options).expect("a port on loopback");
    let key = Server::key();
    let said = python::run("session.py", &[&server.url(), &key.id, &key.secret, Server::region()]);
    let tags = said["tags"].as_array().expect("a list");
    assert_eq!((tags.len(), &tags[0]["Value"]), (1, &json!("Zoë & <co>")));
    assert!(said["clusters"] == json!(["pretrain", "finetune"]), "{said}");
    for (name, wanted) in [
        ("account", json!("111122223333")),
        ("instances", json!(15)),
        ("launched", json!(true)),
        ("dry_run", json!("DryRunOperation")),
        ("gpus", json!(8)),
        ("absent", json!("InvalidInstanceID.NotFound")),
        ("nodes", json!(5)),
        ("health", json!("Running")),
        ("no_cluster", json!("ResourceNotFound")),
        ("eks", json!("ACTIVE")),
        ("no_eks", json!("ResourceNotFoundException")),
        ("not_here", json!("NotInTheSandbox")),
        ("stranger", json!("InvalidClientTokenId")),
        ("forger", json!("SignatureDoesNotMatch")),
    ] {
        assert_eq!(said[name], wanted, "{name}");
    }
}
