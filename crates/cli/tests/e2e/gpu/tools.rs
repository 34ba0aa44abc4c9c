//! What each tool finds in a mixed fleet.

use serde_json::{Value, json};

use super::{House, error, rows};

#[test]
fn nodes_show_shares_whole_devices_and_what_is_broken() {
    let house = House::mixed();
    let answer = house.ask("list_gpu_nodes", json!({}));
    let rows = rows(&answer);
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {answer:#}"));
    let a = row("gpu-a");
    assert_eq!((&a["cards"], &a["slots_total"], &a["slots_used"]), (&json!(2), &json!(20), &json!(2)));
    assert_eq!((&a["memory_total_mib"], &a["memory_free_mib"]), (&json!(81920), &json!(53248)));
    assert_eq!(a["largest_free_card_mib"], 40960);
    assert_eq!(row("gpu-b")["models"], json!(["NVIDIA-Tesla V100-PCIE-32GB"]));
    assert_eq!(row("gpu-b")["locks"][0]["owner"], "team-a/gone-0");
    assert!(row("gpu-broken")["notes"].to_string().contains("node-nvidia-register"));
    assert_eq!(row("mig-a")["slots_total"], 7);
    assert!(row("inf-a")["kind"].as_str().unwrap().contains("euron"), "{}", row("inf-a"));
    assert!(answer["totals"]["vendors"].as_array().unwrap().len() >= 3);

    let answer = house.ask("list_gpu_nodes", json!({ "label_selector": "pool=v100" }));
    assert_eq!(answer["rows"].as_array().unwrap().len(), 1, "{answer:#}");
    assert!(answer.get("notes").is_none(), "pods of other nodes are no riddle: {answer:#}");
    let answer =
        house.ask("list_gpu_nodes", json!({ "min_free_memory_mib": 40000, "vendor": "nvidia", "fields": ["name"] }));
    assert_eq!(answer["rows"], json!([["gpu-a"]]));

    let first = house.ask("list_gpu_nodes", json!({ "limit": 1 }));
    let next = house.ask("list_gpu_nodes", json!({ "limit": 1, "cursor": first["next"] }));
    assert_ne!(first["rows"], next["rows"]);
}

#[test]
fn a_node_is_described_with_who_holds_what_and_what_is_wrong() {
    let house = House::mixed();
    let a = house.ask("describe_node", json!({ "node": "gpu-a", "include_raw_annotations": true }));
    let card = &a["devices"][0];
    assert_eq!(card["device"]["id"], "GPU-a0");
    let pods: Vec<_> = card["pods"].as_array().unwrap().iter().map(|pod| pod["name"].clone()).collect();
    assert_eq!(pods, [json!("train-0"), json!("idle-0")].into_iter().rev().collect::<Vec<_>>(), "{a:#}");
    assert_eq!(a["labels"]["node.kubernetes.io/instance-type"], "p4d.24xlarge");
    assert!(a["labels"].get("company.example/owner").is_none());
    assert!(a["other_annotations"].as_array().unwrap().contains(&json!("company.example/note")));
    let b = house.ask("describe_node", json!({ "node": "gpu-b", "include_pods": false }));
    assert_eq!(b["findings"][0]["finding"], "stuck_lock", "{b:#}");
    let missing = error(&mut house.session(&[]), "describe_node", json!({ "node": "nowhere" }));
    assert_eq!(missing["category"], "not_found");
}

#[test]
fn pods_show_requests_devices_and_why_they_wait() {
    let house = House::mixed();
    let answer = house.ask("list_gpu_pods", json!({ "namespace": "team-a" }));
    let rows = rows(&answer);
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let main = &row("train-0")["containers"][0];
    assert_eq!((&main["name"], &main["devices"][0]["uuid"]), (&json!("main"), &json!("GPU-a0")), "{answer:#}");
    assert_eq!(main["requested"][0]["memory_mib"], 20480);
    assert!(row("waits-0")["pending_reason"].as_str().unwrap().contains("CardInsufficientMemory"));
    assert!(answer["marker"].as_str().unwrap().contains("written by others"));

    let why = house.ask("gpu_why_pending", json!({ "namespace": "team-a", "pod": "waits-0" }));
    assert_eq!(why["verdict"]["kind"], "no_node_fits", "{why:#}");
    assert!(why["remedy"].is_object(), "{why:#}");
    assert_eq!(why["events"][0]["nodes"][0]["node"], "gpu-a");
    let missing = error(&mut house.session(&[]), "gpu_why_pending", json!({ "namespace": "team-a", "pod": "none" }));
    assert_eq!(missing["category"], "not_found");
}

#[test]
fn what_is_free_and_what_quotas_leave() {
    let house = House::mixed();
    let free = house.ask("gpu_fragmentation", json!({ "model": "a100" }));
    let group = &free["groups"].as_array().unwrap()[0];
    assert_eq!(group["largest_pods"][0]["memory_mib"], 40960, "{free:#}");
    assert_eq!(rows(&free)[0]["uuid"], "GPU-a1", "the emptiest card comes first");
    let usage = house.ask("get_quota_usage", json!({ "namespace": "team-a" }));
    let rows = rows(&usage);
    let row = |resource: &str| rows.iter().find(|row| row["resource"] == resource).unwrap();
    let memory = row("nvidia.com/gpumem");
    assert_eq!((&memory["limit"], &memory["used"], &memory["free"]), (&json!(32000), &json!(28672), &json!(3328)));
    assert_eq!(row("nvidia.com/gpucores")["blocked"], true);
}

#[test]
fn resources_show_configuration_vendors_and_metrics() {
    let house = House::mixed();
    let mut session = house.session(&[]);
    let mut read = |address: &str| -> Value {
        let read = session.ask("resources/read", json!({ "uri": address })).unwrap();
        serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap()
    };
    let configuration = read("trainyard://gpu/configuration");
    assert_eq!(configuration["documents"][0]["config_map"], "kube-system/hami-scheduler-device", "{configuration:#}");
    assert_eq!(configuration["documents"][0]["content"]["registry"]["password"], "[redacted]");
    assert!(read("trainyard://gpu/vendors").to_string().contains("huawei.com/"));
    assert!(read("trainyard://gpu/metrics").to_string().contains("hami_gpu_memory_limit_bytes"));
}
