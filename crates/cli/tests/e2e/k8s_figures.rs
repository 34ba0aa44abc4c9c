//! Figures of reading a large cluster, beside the Kubernetes server that others wrote in Go: one run, one cluster.
//!
//! `cargo test --release -p trainyard --test e2e k8s_figures -- --ignored --nocapture`

use std::{
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tiktoken_rs::{CoreBPE, o200k_base};
use trainyard_harness::{Era, Session, Trainyard, kubernetes_server};
use trainyard_sandbox::kubernetes::{Fleet, Server};

use crate::BINARY;

/// Calls whose median is told.
const CALLS: usize = 7;

/// Text of an answer, as a model reads it.
fn text(result: &Value) -> String {
    let parts = result["content"].as_array().unwrap();
    parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// Most memory that a process has had, in MiB.
fn peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok()).unwrap_or_default() / 1024
}

fn open(command: Command) -> (Session, Duration, Value) {
    let begun = Instant::now();
    let mut session = Session::open(command, Era::Legacy).unwrap();
    session.hello().unwrap();
    let tools = session.ask("tools/list", json!({})).unwrap();
    (session, begun.elapsed(), tools)
}

fn report(who: &str, command: &dyn Fn() -> Command, calls: [(&str, Value); 3], tokens: &CoreBPE) {
    let count = |text: &str| tokens.encode_ordinary(text).len();
    let (session, took, tools) = open(command());
    println!("{who}: start and tools/list {took:?}, {} MiB", peak(session.id()));
    println!(
        "{who}: {} tools, {} tokens",
        tools["tools"].as_array().unwrap().len(),
        count(&tools["tools"].to_string())
    );
    drop(session);
    for (tool, arguments) in calls {
        let (mut session, ..) = open(command());
        let (mut times, mut answer) = (Vec::new(), String::new());
        for _ in 0..CALLS {
            let begun = Instant::now();
            answer = text(&session.call(tool, arguments.clone()).unwrap());
            times.push(begun.elapsed());
        }
        times.sort();
        let (median, size, peak) = (times[CALLS / 2], answer.len(), peak(session.id()));
        println!("{who}: {tool} {arguments}: {median:?}, {size} bytes, {} tokens, {peak} MiB", count(&answer));
    }
}

#[test]
#[ignore = "a measurement"]
fn two_hundred_nodes_and_three_thousand_pods() {
    let server = Server::start().unwrap();
    server.fleet(&Fleet { nodes: 200, pods: 3000, ..Fleet::default() }).unwrap();
    println!("{} nodes, {} pods, {} events", server.count("nodes"), server.count("pods"), server.count("events"));
    let tokens = o200k_base().unwrap();
    let trainyard = Trainyard::bare(BINARY).unwrap();
    let config = trainyard.home().join("kubeconfig");
    std::fs::write(&config, server.kubeconfig()).unwrap();
    let trainyard = trainyard.with("KUBECONFIG", config.to_str().unwrap());
    let ours = || trainyard.command(&["serve", "--toolsets", "k8s"]);
    let kind = |kind: &str| ("k8s_list_objects", json!({ "kind": kind }));
    report("trainyard", &ours, [kind("Pod"), kind("Node"), ("k8s_list_events", json!({}))], &tokens);
    let both = trainyard.command(&["serve", "--toolsets", "eks,k8s"]);
    let listed = open(both).2["tools"].to_string();
    println!("trainyard: tools/list of eks and k8s {} tokens", tokens.encode_ordinary(&listed).len());

    let Some(binary) = kubernetes_server() else { return };
    let theirs = |config: &std::path::Path| {
        let mut command = Command::new(&binary);
        command.env_clear().env("HOME", trainyard.home()).arg("--kubeconfig").arg(config);
        command
    };
    let nodes = ("resources_list", json!({ "apiVersion": "v1", "kind": "Node" }));
    report("go", &|| theirs(&config), [("pods_list", json!({})), nodes, ("events_list", json!({}))], &tokens);

    // The current cluster is dead: it takes connections and never says a word.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    let mut two: Value = serde_json::from_str(&server.kubeconfig()).unwrap();
    two["current-context"] = "dead".into();
    two["clusters"].as_array_mut().unwrap().push(json!({ "name": "dead", "cluster": { "server": dead } }));
    let context = json!({ "name": "dead", "context": { "cluster": "dead", "user": "sandbox" } });
    two["contexts"].as_array_mut().unwrap().push(context);
    let path = trainyard.home().join("two");
    std::fs::write(&path, two.to_string()).unwrap();
    let one_dead = trainyard.with("KUBECONFIG", path.to_str().unwrap());
    println!("trainyard: start with a dead cluster {:?}", open(one_dead.command(&["serve", "--toolsets", "k8s"])).1);
    let mut command = Command::new(&binary);
    command.env_clear().env("HOME", one_dead.home()).arg("--kubeconfig").arg(&path);
    println!("go: start with a dead cluster {:?}", open(command).1);
}
