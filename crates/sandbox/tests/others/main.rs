//! The server as clients have it that others wrote: Python's, that of the `kube` crate, and a Kubernetes MCP server in Go.

#![expect(clippy::unwrap_used, reason = "a test")]

mod go_server;
mod kube_client;
mod prometheus;
mod python;

use std::time::Duration;

use trainyard_sandbox::kubernetes::{Options, Pace, Server};

/// A node with room, under a name.
const NODE: &str = "apiVersion: v1
kind: Node
status:
  allocatable: {cpu: '8', memory: 16Gi, pods: '50'}
  capacity: {cpu: '8', memory: 16Gi, pods: '50'}
  conditions: [{type: Ready, status: 'True'}]
  nodeInfo: {kubeletVersion: v1.37.0}";

/// A cluster of two nodes in which things happen, quickly; and the folder that its kubeconfig lies in.
fn alive(tls: bool) -> (Server, tempfile::TempDir) {
    let pace =
        Pace { start: Duration::from_millis(50), run: Duration::from_millis(100), stop: Duration::from_millis(20) };
    let server = Server::start_with(&Options { life: Some(pace), tls, ..Options::default() }).unwrap();
    for node in ["one", "two"] {
        server.seed(&format!("{NODE}\nmetadata: {{name: {node}}}")).unwrap();
        server.node_usage(node, 1500, 4 << 30);
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config"), server.kubeconfig()).unwrap();
    (server, home)
}
