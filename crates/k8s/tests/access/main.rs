//! Ways into a cluster: EKS with a token of ours, a private authority, a proxy, and clusters that are dead.

#![expect(clippy::unwrap_used, reason = "a test")]

mod dead;
mod proxy;
mod token;

use std::path::Path;

use serde_json::{Value, json};
use trainyard_aws::{Engine as AwsEngine, Settings as AwsSettings, StaticCredentials};
use trainyard_contract::{Ceiling, Reads};
use trainyard_harness::Result;
use trainyard_k8s::{Cluster, Engine, Kubernetes, Settings};
use trainyard_sandbox::kubernetes::{Options, Server};

/// An AWS at this address; one that is never asked has none.
fn aws(url: Option<String>) -> AwsEngine {
    let credentials = StaticCredentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "test".into(),
        session_token: None,
    };
    AwsEngine::new(AwsSettings {
        ceiling: Ceiling::READ_ONLY,
        endpoint_url: url,
        region: Some("us-west-2".into()),
        credentials: Some(credentials),
        ..AwsSettings::default()
    })
}

fn sandbox() -> Server {
    Server::start_with(&Options { tls: true, ..Options::default() }).unwrap()
}

fn cluster(engine: &Engine, name: &str) -> Kubernetes<Reads> {
    Kubernetes::new(engine.clone(), Cluster { name: Some(name.to_owned()), ..Cluster::default() })
}

/// A kubeconfig with a context for each cluster: its name, and what the file says of it.
fn kubeconfig(folder: &Path, clusters: &[(&str, Value)]) -> Settings {
    let path = folder.join("config");
    let named = |(name, cluster): &(&str, Value)| json!({ "name": name, "cluster": cluster });
    let context = |(name, _): &(&str, Value)| json!({ "name": name, "context": { "cluster": name, "user": "u" } });
    let config = json!({ "apiVersion": "v1", "kind": "Config", "users": [{ "name": "u", "user": { "token": "t" } }],
        "clusters": clusters.iter().map(named).collect::<Vec<_>>(),
        "contexts": clusters.iter().map(context).collect::<Vec<_>>() });
    std::fs::write(&path, config.to_string()).unwrap();
    Settings { kubeconfig: vec![path], ..Settings::default() }
}

/// What a kubeconfig says of a sandbox.
fn known(server: &Server, url: &str) -> Value {
    let authority = trainyard_aws::to_base64(server.authority().unwrap().as_bytes());
    json!({ "server": url, "certificate-authority-data": authority })
}

/// The bytes of a PEM's certificate.
fn der(pem: &str) -> Result<Vec<u8>> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok(trainyard_aws::from_base64(&body).ok_or("no certificate")?)
}
