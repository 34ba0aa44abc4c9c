//! The endpoint as the AWS CLI sees it, beside moto where moto has the like.

use std::io::{self, Write as _};

use serde_json::json;
use tempfile::TempDir;
use trainyard_sandbox::{
    aws::{KubernetesApi, Options, Server},
    kubernetes::{self, Fleet},
};

use super::{
    beside::{Named, compare},
    python,
};

const SCRIPT: &str = "command_line.py";
const OBJECTS: Named = &[("wrong sum", "moto does not look at a checksum that is given")];
const ACCOUNT: Named = &[("keep wrong", "moto keeps events for any number of days")];

fn with_moto(part: &str, least: usize, named: Named) {
    let home = TempDir::new().expect("a folder");
    compare(SCRIPT, &[part, home.path().to_str().expect("a path in UTF-8")], least, named);
}

#[test]
fn the_command_line_copies_and_lists_objects_as_beside_moto() {
    with_moto("objects", 50, OBJECTS);
}

#[test]
fn the_command_line_works_in_the_account_as_beside_moto() {
    with_moto("account", 37, ACCOUNT);
}

#[test]
fn the_command_line_finds_the_fleet_and_leads_kubectl_to_it() {
    let options = kubernetes::Options { tls: true, ..kubernetes::Options::default() };
    let cluster = kubernetes::Server::start_with(&options).expect("a port on loopback");
    let fleet = Fleet { nodes: 4, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 2, ..Fleet::default() };
    cluster.fleet(&fleet).expect("a fleet");
    let api = KubernetesApi { url: cluster.url(), authority: cluster.authority().expect("a certificate") };
    let options = Options { fleet, kubernetes: Some(api), ..Options::default() };
    let server = Server::start(&options).expect("a port on loopback");
    let (home, key) = (TempDir::new().expect("a folder"), Server::key());
    let folder = home.path().join("work");
    let folder = folder.to_str().expect("a path in UTF-8");
    let said = python::run(SCRIPT, &["fleet", folder, &server.url(), &key.id, &key.secret, Server::region()]);
    for (step, wanted) in [
        ("clusters", json!(["pretrain"])),
        ("more clusters", json!(["finetune"])),
        ("cluster", json!("InService")),
        ("no cluster", json!([255, "ResourceNotFound", "DescribeCluster"])),
        ("kubeconfig", json!("Added")),
        ("no kubeconfig", json!([255, "ResourceNotFoundException", "DescribeCluster"])),
        ("measured", json!(["node_gpu_utilization", 6, true])),
        ("wrong period", json!([255, "InvalidParameterValue", "GetMetricStatistics"])),
        ("wrong token", json!([255, "ValidationException", "ListClusters"])),
        ("not here", json!([255, "NotInTheSandbox", "ListTables"])),
    ] {
        assert_eq!(said[step], wanted, "{step}");
    }
    assert!(said["nodes"].as_u64().is_some_and(|nodes| nodes > 0), "{}", said["nodes"]);
    if said["kubectl"].is_null() {
        // Past the capture of the output, which would hide the note of a test that passes.
        io::stderr()
            .write_all(b"\nNOT TESTED: kubectl by the AWS CLI, for there is none\n")
            .expect("a place to say so");
    } else {
        assert_eq!(said["kubectl"], json!(4), "nodes of the cluster");
    }
}
