//! The cluster's Prometheus beside a real one that has the same samples: each query that both know has one answer.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::SystemTime,
};

use serde_json::Value;
use trainyard_harness::prometheus::{Prometheus, Setup};
use trainyard_sandbox::kubernetes::{Fleet, Server};

/// Seconds between samples.
const SCRAPE: i64 = 30;
/// Samples of each series.
const SAMPLES: i64 = 80;

const PROXY: &str = "/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy";

fn get(address: SocketAddr, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    // HTTP/1.0, so that the answer comes in one piece.
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path}?{query} HTTP/1.0\r\nAccept: application/json\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

fn answered(address: SocketAddr, path: &str, pairs: &[(&str, &str)]) -> Value {
    let (status, mut answer) = get(address, path, pairs);
    assert_eq!((status, &answer["status"]), (200, &Value::from("success")), "{path} {pairs:?}: {answer}");
    answer["data"].take()
}

/// Somebody who works on the one node with Neuron devices.
const ON_NEURON: &str = "{apiVersion: v1, kind: Pod, metadata: {name: compile-0, namespace: research},
  spec: {nodeName: neuron-0003, containers: [{name: main, image: 'n:1', resources: {limits: {aws.amazon.com/neuron: '2'}}}]},
  status: {phase: Running, containerStatuses: [{name: main, image: 'n:1', imageID: '', ready: true, restartCount: 0, state: {running: {startedAt: '2026-01-01T00:00:00Z'}}}]}}";

/// A cluster with every kind of device.
fn fleet() -> Server {
    let server = Server::start().unwrap();
    server.seed(ON_NEURON).unwrap();
    server
        .fleet(&Fleet { nodes: 5, gpus: 2, pods: 40, mig_nodes: 1, neuron_nodes: 1, cpu_nodes: 1, ..Fleet::default() })
        .unwrap();
    server
}

fn times(start: i64, end: i64) -> [(&'static str, String); 3] {
    [("start", start.to_string()), ("end", end.to_string()), ("step", SCRAPE.to_string())]
}

fn over_time(address: SocketAddr, api: &str, query: &str, start: i64, end: i64) -> Value {
    let times = times(start, end);
    let mut pairs = vec![("query", query)];
    pairs.extend(times.iter().map(|(name, value)| (*name, value.as_str())));
    answered(address, &format!("{api}/api/v1/query_range"), &pairs)
}

/// All samples of all metrics, as `OpenMetrics` has them.
fn history(server: &Server, start: i64, end: i64) -> String {
    let names = answered(server.address(), &format!("{PROXY}/api/v1/label/__name__/values"), &[]);
    let mut text = String::new();
    for name in names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
        writeln!(text, "# TYPE {name} gauge").unwrap();
        for series in over_time(server.address(), PROXY, name, start, end)["result"].as_array().unwrap() {
            let labels = series["metric"].as_object().unwrap().iter().filter(|(label, _)| *label != "__name__");
            let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value}")).collect();
            for point in series["values"].as_array().unwrap() {
                let (at, value) = (&point[0], point[1].as_str().unwrap());
                writeln!(text, "{name}{{{}}} {value} {at}", labels.join(",")).unwrap();
            }
        }
    }
    text.push_str("# EOF\n");
    text
}

/// Values of all series by their labels.
fn values(data: &Value) -> BTreeMap<String, Vec<(f64, f64)>> {
    let point = |point: &Value| (point[0].as_f64().unwrap(), point[1].as_str().unwrap().parse().unwrap());
    let series = data["result"].as_array().unwrap().iter().map(|series| {
        let one = series.get("value").map(point);
        let many = series["values"].as_array().into_iter().flatten().map(point);
        // A map of its own sorts the labels.
        let labels: BTreeMap<String, String> = serde_json::from_value(series["metric"].clone()).unwrap();
        (format!("{labels:?}"), one.into_iter().chain(many).collect())
    });
    series.collect()
}

fn assert_alike(query: &str, one: &Value, other: &Value) {
    assert_eq!(one["resultType"], other["resultType"], "{query}");
    let (one, other) = (values(one), values(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{query}");
    for (labels, points) in &one {
        let others = &other[labels];
        assert_eq!(points.len(), others.len(), "{query} {labels}");
        for (one, other) in points.iter().zip(others) {
            let near = (one.1 - other.1).abs() <= 1e-9 * one.1.abs().max(1.0);
            assert!(near && (one.0 - other.0).abs() < 0.5, "{query} {labels}: {one:?} and {other:?}");
        }
    }
}

const QUERIES: &[&str] = &[
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_GPU_TEMP{Hostname=\"gpu-0000\",gpu!=\"1\"}",
    "{__name__=~\"DCGM_FI_DEV_(FB_USED|POWER_USAGE)\",Hostname=~\"gpu-.*\"}",
    "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE) * 100",
    "max_over_time(DCGM_FI_DEV_GPU_UTIL[5m])",
    "avg_over_time(hami_container_device_utilization_ratio{namespace=\"research\",exported_namespace=\"\"}[300s])",
    "min_over_time(DCGM_FI_DEV_POWER_USAGE[10m]) < 200",
    "label_replace(label_replace(hami_host_gpu_memory_used_bytes, \"node\", \"$1\", \"exported_node\", \"(.+)\"), \"of\", \"n-$2\", \"node\", \"(gpu)-(.*)\")",
    "label_replace(hami_host_gpu_memory_used_bytes, \"a\", \"$1\", \"node\", \"(.+)\") or label_replace(label_replace(DCGM_FI_DEV_FB_USED * 1048576, \"a\", \"$1\", \"Hostname\", \"(.+)\"), \"device_uuid\", \"$1\", \"UUID\", \"(.+)\")",
    "hami_vgpu_memory_used_bytes{pod=~\"notebook.*\"} or hami_vgpu_memory_used_bytes",
    "avg by (node) (hami_host_gpu_utilization_ratio)",
    "sum(hami_vgpu_core_allocated_ratio) by (namespace, pod) >= 50",
    "count(hami_vgpu_core_allocated_ratio)",
    "max by (UUID, GPU_I_ID) (DCGM_FI_PROF_GR_ENGINE_ACTIVE * 100)",
    "100 - avg by (Hostname) (DCGM_FI_DEV_GPU_UTIL)",
    "1 + 2 * 3 - 4 / 2",
    "max by (instance_name) (neuroncore_utilization_ratio{neuroncore=~\"[0-3]\"} * 100)",
    "nothing_of_the_kind",
];

#[test]
fn a_real_prometheus_with_the_same_samples_answers_the_same() {
    let server = fleet();
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let end = now - now % SCRAPE - 4 * SCRAPE;
    let start = end - SAMPLES * SCRAPE;
    let real = Prometheus::start(&Setup { history: Some(history(&server, start, end)), ..Setup::default() }).unwrap();
    // It opens its port before it has read its data.
    for attempt in 0.. {
        let (_, answer) = get(real.address(), "/api/v1/label/__name__/values", &[]);
        if answer["data"].as_array().is_some_and(|names| !names.is_empty()) {
            break;
        }
        assert!(attempt < 240, "{answer}");
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    let from = start + SAMPLES / 2 * SCRAPE;
    let series = |query: &str| values(&over_time(server.address(), PROXY, query, from, end)).len();
    assert!(series("DCGM_FI_DEV_GPU_UTIL") == 4 && series("neuroncore_utilization_ratio") >= 4, "all kinds of devices");
    for query in QUERIES {
        let one = over_time(server.address(), PROXY, query, from, end);
        let other = over_time(real.address(), "", query, from, end);
        assert_alike(query, &one, &other);
        let pairs = [("query", *query), ("time", &from.to_string())];
        let one = answered(server.address(), &format!("{PROXY}/api/v1/query"), &pairs);
        let other = answered(real.address(), "/api/v1/query", &pairs);
        if one["resultType"] == "scalar" {
            assert_eq!(one, other, "{query}");
        } else {
            assert_alike(query, &one, &other);
        }
    }
    for wrong in ["max(", "a{", "a b", "sum by node (a)", "", "1 > 2", "avg(1)"] {
        let (ours, theirs) = (
            get(server.address(), &format!("{PROXY}/api/v1/query"), &[("query", wrong)]),
            get(real.address(), "/api/v1/query", &[("query", wrong)]),
        );
        assert_eq!(
            (ours.0, &ours.1["errorType"]),
            (theirs.0, &theirs.1["errorType"]),
            "{wrong}: {} {}",
            ours.1,
            theirs.1
        );
    }
}

#[test]
fn what_is_not_in_it_is_refused_in_prometheus_own_form() {
    let server = fleet();
    let asked = |path: &str, pairs: &[(&str, &str)]| get(server.address(), &format!("{PROXY}{path}"), pairs);
    for query in ["rate(DCGM_FI_DEV_GPU_UTIL[5m])", "histogram_quantile(0.9, up)", "up offset 5m"] {
        let (status, answer) = asked("/api/v1/query", &[("query", query)]);
        assert_eq!((status, &answer["errorType"]), (422, &Value::from("execution")), "{query}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains("not in the sandbox"), "{answer}");
    }
    let (status, answer) = asked("/api/v1/rules", &[]);
    assert_eq!((status, &answer["errorType"]), (404, &Value::from("not_found")), "{answer}");
    // As the API server says it of a service behind which nobody is, and of one that is not there.
    for (service, wanted) in [("http:kubernetes:443", 503), ("nobody", 404)] {
        let path = format!("/api/v1/namespaces/default/services/{service}/proxy/metrics");
        assert_eq!(get(server.address(), &path, &[]).0, wanted, "{service}");
    }
}
