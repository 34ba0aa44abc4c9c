//! Nothing is changed, nothing secret is shown, and what is not allowed is said.

use serde_json::json;

use super::{House, calls, error, questions};

#[test]
fn every_tool_only_reads_and_shows_no_secret() {
    let house = House::mixed();
    let mut session = house.session(&["--allow-write", "--allow-sensitive-data-access"]);
    for (tool, arguments) in calls().into_iter().chain(questions()) {
        let result = session.call(tool, arguments).unwrap();
        let text = result.to_string();
        assert!(!text.contains("planted-"), "{tool} shows a secret: {result:#}");
    }
    let listed = session.ask("tools/list", json!({})).unwrap();
    let mut names: Vec<_> =
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    let mut called: Vec<_> = calls().into_iter().chain(questions()).map(|(tool, _)| tool.to_owned()).collect();
    names.sort();
    called.sort();
    assert_eq!(names, called, "a tool of the set is not called here");

    let requests = house.cluster.requests();
    assert!(requests.len() > 20);
    for request in requests {
        let review = request.path.starts_with("/apis/authorization.k8s.io/");
        assert!(request.method == "GET" || review, "{} {}", request.method, request.path);
        assert!(!request.path.contains("/secrets") && !request.path.contains("/log"), "{}", request.path);
    }
}

#[test]
fn without_rights_each_tool_says_which_one_is_missing() {
    let house = House::powerless();
    let mut session = house.session(&["--allow-sensitive-data-access"]);
    let about_cluster = |tool: &str| !matches!(tool, "gpu_list_vendors" | "gpu_list_metrics" | "gpu_get_configuration");
    for (tool, arguments) in calls().into_iter().chain(questions()).filter(|(tool, _)| about_cluster(tool)) {
        let said = error(&mut session, tool, arguments);
        assert_eq!(said["category"], "access_denied", "{tool}: {said:#}");
        assert!(said.to_string().contains("list") || said.to_string().contains("get"), "{tool}: {said:#}");
    }
}

#[test]
fn without_a_cluster_each_tool_says_what_is_missing() {
    let house = House::mixed();
    std::fs::remove_file(house.at.home().join("kubeconfig")).unwrap();
    let mut session = house.session(&[]);
    for (tool, arguments) in calls() {
        if matches!(tool, "gpu_list_vendors" | "gpu_list_metrics") {
            continue;
        }
        let said = error(&mut session, tool, arguments);
        assert!(said["hint"].is_string(), "{tool}: {said:#}");
    }
    let closed = error(&mut session, "gpu_get_promql", json!({ "query": "up" }));
    assert_eq!(closed["category"], "policy_denied");
    assert!(closed.to_string().contains("--allow-sensitive-data-access"));
}
