//! Metrics, from a real Prometheus.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use trainyard_harness::{
    Endpoint, Era, Reply, Session, Trainyard,
    prometheus::{self, ACCELERATORS, Prometheus, Setup},
};

use super::{House, error, rows};
use crate::BINARY;

/// A mixed fleet whose cards were watched for the last half hour.
fn watched() -> (House, Prometheus, Endpoint) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut history = String::from("# TYPE hami_container_device_utilization_ratio gauge\n");
    for (pod, use_of) in [("train-0", 70), ("idle-0", 0)] {
        for ago in (1..=60).rev() {
            let labels = format!("namespace=\"team-a\",pod=\"{pod}\",container=\"main\",device_uuid=\"GPU-a0\"");
            let at = now - ago * 30;
            history.push_str(&format!("hami_container_device_utilization_ratio{{{labels}}} {use_of} {at}\n"));
        }
    }
    history.push_str("# EOF\n");
    let exporter = prometheus::exporter(ACCELERATORS).unwrap();
    let scrapes = Some(exporter.url().trim_start_matches("http://").to_owned());
    let server = Prometheus::start(&Setup { scrapes, honor_labels: true, history: Some(history), web: None }).unwrap();
    (House::mixed(), server, exporter)
}

/// Asks until the exporter has been scraped.
fn eventually(session: &mut Session, tool: &str, arguments: &Value, there: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let result = session.call(tool, arguments.clone()).unwrap();
        if there(&result["structuredContent"]) {
            return result;
        }
        assert!(Instant::now() < end, "{tool}: {result:#}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn metrics_are_asked_shown_and_drawn() {
    let (house, server, _exporter) = watched();
    let url = server.url();
    let mut session = house.session(&["--prometheus-url", &url, "--allow-sensitive-data-access"]);
    let filled = |answer: &Value| answer["count"].as_u64().is_some_and(|count| count > 0);
    let result = eventually(&mut session, "get_gpu_metrics", &json!({ "metric": "card_utilization" }), filled);
    let answer = &result["structuredContent"];
    assert_eq!(answer["unit"], "percent");
    let found = rows(answer);
    let of = |uuid: &str| found.iter().find(|row| row["labels"]["device_uuid"] == uuid).unwrap()["value"].clone();
    assert_eq!((of("GPU-a0"), of("GPU-b0")), (json!(73.0), json!(12.0)), "old and new names");

    let drawn = json!({ "metric": "pod_utilization", "pod": "train-0", "range": "25m", "picture": true });
    let result = eventually(&mut session, "get_gpu_metrics", &drawn, filled);
    assert_eq!(result["content"][1]["mimeType"], "image/png", "{result:#}");
    assert!(result["content"][1]["data"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert!(result["structuredContent"]["pictures"][0].as_str().unwrap().contains("pod_utilization"));
    let row = &rows(&result["structuredContent"])[0];
    assert_eq!(row["max"], 70.0);
    assert!(row["sparkline"].as_str().unwrap().chars().count() > 10);

    let flat = session.call("get_gpu_metrics", json!({ "metric": "pod_memory_used", "node": "gpu-a" })).unwrap();
    assert_eq!(flat["structuredContent"]["not_filterable_by"], json!(["node"]));
    let slip = error(&mut session, "get_gpu_metrics", json!({ "metric": "card_utilisation" }));
    assert!(slip["hint"].as_str().unwrap().contains("card_utilization"));
    let result = session.call("gpu_get_promql", json!({ "query": "max(DCGM_FI_DEV_GPU_TEMP)" })).unwrap();
    assert_eq!(rows(&result["structuredContent"])[0]["value"], 61.0);
    let broken = error(&mut session, "gpu_get_promql", json!({ "query": "max(" }));
    assert_eq!(broken["category"], "validation");

    // At the shell a picture is a file.
    let state = house.at.home().join("state").display().to_string();
    let shell = [
        "call",
        "get_gpu_metrics",
        "metric=pod_utilization",
        "range=25m",
        "picture=true",
        "--toolsets",
        "gpu",
        "--prometheus-url",
        &url,
        "--state-dir",
        &state,
    ];
    let ended = house.at.run(&shell).unwrap();
    let said: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let file = std::fs::read(said["pictures"][0]["path"].as_str().unwrap()).unwrap();
    assert!(file.starts_with(b"\x89PNG"));
}

#[test]
fn what_is_held_and_not_used_is_found() {
    let (house, server, _exporter) = watched();
    let mut session = house.session(&["--prometheus-url", &server.url()]);
    let known = |answer: &Value| answer["idle"].as_u64().is_some_and(|idle| idle > 0);
    let result = eventually(&mut session, "gpu_idle", &json!({ "range": "25m" }), known);
    let found = rows(&result["structuredContent"]);
    assert_eq!(found.len(), 1, "{result:#}");
    assert_eq!((&found[0]["pod"], &found[0]["usage"]), (&json!("idle-0"), &json!("idle")));
    let all = session.call("gpu_idle", json!({ "range": "25m", "include_all": true })).unwrap();
    let train = rows(&all["structuredContent"]).into_iter().find(|row| row["pod"] == "train-0").unwrap();
    assert_eq!(train["usage"], "busy");
}

/// Without HAMi: whole cards, a MIG instance and Neuron devices, each held by a pod that works and by one that does not.
const PLAIN: &str = r#"
apiVersion: v1
kind: Node
metadata: { name: plain, labels: { nvidia.com/gpu.product: NVIDIA-H100, nvidia.com/gpu.memory: "81559" } }
status: { capacity: { nvidia.com/gpu: "8", nvidia.com/mig-1g.10gb: "7" }, allocatable: { nvidia.com/gpu: "8", nvidia.com/mig-1g.10gb: "7" },
  conditions: [ { type: Ready, status: "True" } ] }
---
apiVersion: v1
kind: Node
metadata: { name: trn }
spec: { providerID: "aws:///us-west-2a/i-0aaaaaaaaaaaaaaaa" }
status: { capacity: { aws.amazon.com/neuron: "1", aws.amazon.com/neuroncore: "2" }, allocatable: { aws.amazon.com/neuron: "1", aws.amazon.com/neuroncore: "2" } }
"#;

fn holder(pod: &str, node: &str, resource: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": pod, "namespace": "default", "creationTimestamp": "2024-01-01T00:00:00Z" },
        "spec": { "nodeName": node, "containers": [{ "name": "main", "image": "train",
            "resources": { "limits": { (resource): "1" }, "requests": { (resource): "1" } } }] },
        "status": { "phase": "Running" } })
}

#[test]
fn without_hami_devices_that_are_held_and_not_used_are_found_by_what_the_exporters_know() {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let card = |pod: &str, uuid: &str, more: &str| {
        format!(
            "UUID=\"{uuid}\",gpu=\"0\",Hostname=\"plain\",namespace=\"default\",pod=\"{pod}\",container=\"main\"{more}"
        )
    };
    let instance = ",GPU_I_ID=\"7\",GPU_I_PROFILE=\"1g.10gb\"";
    let families = [
        ("DCGM_FI_DEV_GPU_UTIL", vec![(card("lazy", "GPU-p0", ""), 0.0), (card("keen", "GPU-p1", ""), 88.0)]),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", vec![(card("slice", "GPU-p2", instance), 0.0)]),
        (
            "neuroncore_utilization_ratio",
            vec![("neuroncore=\"0\",instance_id=\"i-0aaaaaaaaaaaaaaaa\"".to_owned(), 0.0)],
        ),
    ];
    let mut history = String::new();
    for (name, series) in families {
        history.push_str(&format!("# TYPE {name} gauge\n"));
        for (labels, value) in series {
            for at in (1..=60).rev().map(|ago| now - ago * 30) {
                history.push_str(&format!("{name}{{{labels}}} {value} {at}\n"));
            }
        }
    }
    history.push_str("# EOF\n");
    let server = Prometheus::start(&Setup { history: Some(history), ..Setup::default() }).unwrap();
    let cluster = trainyard_sandbox::kubernetes::Server::start().unwrap();
    cluster.seed(PLAIN).unwrap();
    for (pod, node, resource) in [
        ("lazy", "plain", "nvidia.com/gpu"),
        ("keen", "plain", "nvidia.com/gpu"),
        ("dark", "plain", "nvidia.com/gpu"),
        ("slice", "plain", "nvidia.com/mig-1g.10gb"),
        ("cores", "trn", "aws.amazon.com/neuroncore"),
    ] {
        cluster.seed_object(holder(pod, node, resource)).unwrap();
    }
    let house = House::of(cluster);
    let mut session = house.session(&["--prometheus-url", &server.url()]);
    let known = |answer: &Value| answer["idle"].as_u64().is_some_and(|idle| idle > 0);
    let result = eventually(&mut session, "gpu_idle", &json!({ "range": "25m", "include_all": true }), known);
    let found = rows(&result["structuredContent"]);
    let usage = |pod: &str| found.iter().find(|row| row["pod"] == pod).unwrap_or_else(|| panic!("{pod}: {result:#}"));
    for (pod, expected) in
        [("lazy", "idle"), ("keen", "busy"), ("dark", "not_measured"), ("slice", "idle"), ("cores", "idle")]
    {
        assert_eq!(usage(pod)["usage"], expected, "{pod}: {result:#}");
    }
    assert_eq!((&usage("lazy")["uuid"], &usage("lazy")["memory_mib"]), (&json!("GPU-p0"), &json!(81559)));
    assert_eq!(usage("slice")["uuid"], "GPU-p2/7");

    // The other tools, on the same cluster.
    let nodes = session.call("list_gpu_nodes", json!({})).unwrap();
    let kinds: Vec<Value> = rows(&nodes["structuredContent"]).into_iter().map(|row| row["kind"].clone()).collect();
    assert_eq!(kinds.len(), 4, "{nodes:#}");
    let free = session.call("gpu_fragmentation", json!({ "model": "h100" })).unwrap();
    let of = |kind: &str| {
        let groups = free["structuredContent"]["groups"].as_array().unwrap().clone();
        groups.into_iter().find(|group| group["kind"] == kind).unwrap_or_else(|| panic!("{free:#}"))
    };
    assert_eq!((&of("nvidia.com/gpu")["cards"], &of("nvidia.com/gpu")["empty_cards"]), (&json!(8), &json!(5)));
    let pods = session.call("list_gpu_pods", json!({})).unwrap();
    assert_eq!(rows(&pods["structuredContent"]).len(), 5, "{pods:#}");
    let node = session.call("describe_node", json!({ "node": "plain" })).unwrap()["structuredContent"].take();
    assert_eq!(node["capacity"]["nvidia.com/mig-1g.10gb"], "7", "{node:#}");
    assert_eq!(node["labels"]["nvidia.com/gpu.product"], "NVIDIA-H100", "{node:#}");
    let holders = |resource: &str| {
        let pools = node["pools"].as_array().unwrap();
        let pool = pools.iter().find(|pool| pool["resource"] == resource).unwrap_or_else(|| panic!("{node:#}"));
        let mut names: Vec<&str> =
            pool["pods"].as_array().unwrap().iter().map(|pod| pod["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        (pool["used"].clone(), names.join(" "))
    };
    assert_eq!(holders("nvidia.com/gpu"), (json!(3), "dark keen lazy".to_owned()));
    assert_eq!(holders("nvidia.com/mig-1g.10gb"), (json!(1), "slice".to_owned()));
}

/// An API server that knows one service and passes on what is asked of it, as far as a tool takes it.
fn cluster_with(service: &Value, behind: std::net::SocketAddr) -> Endpoint {
    let found = json!({ "apiVersion": "v1", "kind": "ServiceList", "metadata": {}, "items": [service] });
    let none = json!({ "apiVersion": "v1", "kind": "ServiceList", "metadata": {}, "items": [] });
    Endpoint::start(move |seen| {
        if let Some(rest) = seen.path.strip_prefix(PROXY) {
            // HTTP/1.0, so that the answer comes in one piece.
            let mut stream = TcpStream::connect(behind).unwrap();
            write!(stream, "{} {rest} HTTP/1.0\r\n\r\n", seen.method).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            return Reply::new(status, "application/json", body);
        }
        let labels = "app.kubernetes.io%2Fname";
        let list =
            if seen.path.starts_with("/api/v1/services?") && seen.path.contains(labels) { &found } else { &none };
        Reply::new(200, "application/json", &list.to_string())
    })
    .unwrap()
}

const PROXY: &str = "/api/v1/namespaces/monitoring/services/http:prometheus-server:80/proxy";

#[test]
fn a_prometheus_that_nobody_named_is_found_in_the_cluster_and_asked_through_its_api_server() {
    let (_, server, _exporter) = watched();
    let service = json!({
        "metadata": { "namespace": "monitoring", "name": "prometheus-server",
            "labels": { "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server" } },
        "spec": { "ports": [{ "name": "http", "port": 80 }] },
    });
    let cluster = cluster_with(&service, server.address());
    let at = Trainyard::bare(BINARY).unwrap();
    let file = at.home().join("kubeconfig");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": cluster.url() } }],
        "users": [{ "name": "u", "user": { "token": "of-the-test" } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let at = at.with("KUBECONFIG", &file.display().to_string());
    let mut session = at.serve(&["--toolsets", "gpu"], Era::Legacy).unwrap();
    session.hello().unwrap();
    let filled = |answer: &Value| answer["count"].as_u64().is_some_and(|count| count > 0);
    let result = eventually(&mut session, "get_gpu_metrics", &json!({ "metric": "card_utilization" }), filled);
    let answer = &result["structuredContent"];
    assert_eq!(answer["source"], "service monitoring/prometheus-server:80", "{result:#}");
    let value = rows(answer).into_iter().find(|row| row["labels"]["device_uuid"] == "GPU-a0").unwrap()["value"].clone();
    assert_eq!(value, json!(73.0));
    // What is asked is a read, and the token goes to the API server, which is whom it is for.
    let seen = cluster.take();
    assert!(seen.iter().all(|seen| seen.method == "GET"), "{seen:?}");
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some("Bearer of-the-test")), "{seen:?}");

    // Switched off, nobody is looked for.
    let config = at.home().join("settings.toml");
    std::fs::write(&config, "[prometheus]\ndiscover = false\n").unwrap();
    let flags = ["--toolsets", "gpu", "--config", &config.display().to_string()];
    let mut session = at.serve(&flags, Era::Legacy).unwrap();
    session.hello().unwrap();
    let said = error(&mut session, "get_gpu_metrics", json!({ "metric": "card_power" }));
    assert_eq!(said["code"], "NoPrometheus");
    assert!(cluster.take().is_empty());
}

#[test]
fn without_a_prometheus_it_is_said_how_to_name_one() {
    let house = House::mixed();
    let said = error(&mut house.session(&[]), "get_gpu_metrics", json!({ "metric": "card_power" }));
    assert_eq!(said["code"], "NoPrometheus");
    assert!(said["hint"].as_str().unwrap().contains("--prometheus-url"));
    let nobody = ["--prometheus-url", "http://127.0.0.1:1"];
    let said = error(&mut house.session(&nobody), "get_gpu_metrics", json!({ "metric": "card_power" }));
    assert_eq!(said["category"], "network");
}

#[test]
fn a_prometheus_reads_the_numbers_of_calls() {
    let house = House::mixed();
    let web = house.at.serve_http(&["--toolsets", "gpu", "--metrics"]).unwrap();
    let mut client = web.connect(Era::Modern).unwrap();
    for arguments in [json!({}), json!({ "vendor": "nvidia" }), json!({ "vendr": "nvidia" })] {
        client.call("gpu_list_vendors", arguments).unwrap();
    }
    let scrapes = Some(web.address().to_string());
    let server = Prometheus::start(&Setup { scrapes, honor_labels: true, ..Setup::default() }).unwrap();
    let mut session = house.session(&["--prometheus-url", &server.url(), "--allow-sensitive-data-access"]);
    let one = |answer: &Value| answer["count"] == 1 && rows(answer)[0]["value"].is_number();
    let mut ask = |query: &str| {
        let result = eventually(&mut session, "gpu_get_promql", &json!({ "query": query }), one);
        rows(&result["structuredContent"])[0]["value"].as_f64().unwrap()
    };
    let of = "{gen_ai_tool_name=\"gpu_list_vendors\",trainyard_outcome=\"done\"}";
    assert!((ask(&format!("mcp_server_operation_duration_seconds_count{of}")) - 2.0).abs() < f64::EPSILON);
    let slow = ask(&format!("histogram_quantile(0.9, mcp_server_operation_duration_seconds_bucket{of})"));
    assert!((0.0..=300.0).contains(&slow), "{slow}");
    let failed = "mcp_server_operation_duration_seconds_count{error_type=\"validation\"}";
    assert!((ask(failed) - 1.0).abs() < f64::EPSILON);
}
