//! Metrics, from a real Prometheus.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use trainyard_harness::{
    Endpoint, Session,
    prometheus::{self, ACCELERATORS, Prometheus, Setup},
};

use super::{House, error, rows};

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
