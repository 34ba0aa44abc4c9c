//! The fleet inside of the binary: shown to somebody new, and behind the server for any client.

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Session, Trainyard};

use crate::BINARY;

pub(crate) fn call(session: &mut Session, tool: &str, arguments: &Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    assert_ne!(answer["isError"], true, "{tool} {arguments}: {answer:#}");
    answer["structuredContent"].clone()
}

/// A place for what the sandbox keeps while it runs, so that a test sees what is left of it.
fn bare() -> Trainyard {
    let at = Trainyard::bare(BINARY).unwrap();
    let temporary = at.home().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let temporary = temporary.display().to_string();
    at.with("TMPDIR", &temporary)
}

fn assert_nothing_is_left(at: &Trainyard) {
    let names = |folder: std::path::PathBuf| -> Vec<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(names(at.home().to_owned()), ["tmp"]);
    assert!(names(at.home().join("tmp")).is_empty(), "{:?}", names(at.home().join("tmp")));
}

fn session(at: &Trainyard, more: &[&str]) -> Session {
    let words = [&["--sandbox", "--toolsets", "all"][..], more].concat();
    let mut session = at.serve(&words, Era::Legacy).unwrap();
    session.hello().unwrap();
    session
}

#[test]
fn tools_of_aws_and_kubernetes_work_unchanged_on_the_sandbox() {
    let at = bare();
    let mut session = session(&at, &[]);
    let who = call(&mut session, "iam_get_caller_identity", &json!({}));
    assert!(who.to_string().contains("111122223333"), "{who}");
    let clusters = call(&mut session, "manage_hyperpod_cluster_nodes", &json!({"operation": "list_clusters"}));
    assert!(clusters.to_string().contains("pretrain"), "{clusters}");
    let nodes = json!({"operation": "list_nodes", "cluster_name": "pretrain"});
    assert!(call(&mut session, "manage_hyperpod_cluster_nodes", &nodes).to_string().contains("ml.p5.48xlarge"));
    let machines = call(&mut session, "ec2_list_instances", &json!({}));
    assert!(machines.to_string().contains("notebook-anna"), "{machines}");
    let volumes = call(&mut session, "ebs_describe_volumes", &json!({}));
    assert!(volumes.to_string().contains("checkpoints-old"), "{volumes}");
    let eks = call(&mut session, "aws_call", &json!({"service": "eks", "operation": "ListClusters"}));
    assert!(eks.to_string().contains("trainyard"), "{eks}");
    // By the kubeconfig, and by the EKS cluster of the account, its authority and a token.
    for arguments in [json!({}), json!({"cluster": "trainyard"})] {
        let nodes = call(&mut session, "list_gpu_nodes", &arguments);
        assert!(nodes.to_string().contains("gpu-0000"), "{nodes}");
    }
    let why = call(&mut session, "gpu_why_pending", &json!({"namespace": "research", "pod": "llm-sweep-7"}));
    assert!(why.to_string().contains("memory"), "{why}");
    session.close().unwrap();
    assert_nothing_is_left(&at);
}

#[test]
fn the_fleet_is_measured() {
    let at = bare();
    let mut session = session(&at, &["--allow-sensitive-data-access", "--scenario", "failing-gpu"]);
    let known = call(&mut session, "gpu_list_metrics", &json!({"limit": 1}));
    let questions: Vec<&String> = known["questions"].as_object().unwrap().keys().collect();
    assert_eq!(questions.len(), 20, "{known}");
    for metric in questions {
        for range in [None, Some("1h")] {
            let mut arguments = json!({"metric": metric, "limit": 2});
            if let Some(range) = range {
                arguments["range"] = json!(range);
            }
            let answer = call(&mut session, "get_gpu_metrics", &arguments);
            // On the Neuron devices of a small fleet nothing may run.
            let least = u64::from(!metric.starts_with("neuron"));
            assert!(answer["count"].as_u64().is_some_and(|count| count >= least), "{arguments}: {answer}");
        }
    }
    let of_node = json!({"metric": "card_utilization", "node": "gpu-0003", "range": "2h", "agg": "avg", "by": "node"});
    let answer = call(&mut session, "get_gpu_metrics", &of_node);
    assert_eq!(
        (&answer["count"], &answer["source"]),
        (&json!(1), &json!("service monitoring/prometheus:9090")),
        "{answer}"
    );
    let ill =
        call(&mut session, "gpu_get_promql", &json!({"query": "DCGM_FI_DEV_XID_ERRORS{Hostname=~\"gpu-.*\"} > 0"}));
    assert_eq!(ill["count"], 1, "{ill}");
    assert!(ill.to_string().contains("gpu-0003") && ill.to_string().contains("94"), "{ill}");
    let idle = call(&mut session, "gpu_idle", &json!({"range": "1h", "limit": 100}));
    assert!(idle["idle"].as_u64().is_some_and(|idle| idle > 0), "{idle}");
    assert!(idle.to_string().contains("notebook-"), "people leave notebooks open: {idle}");
    for (query, why) in
        [("rate(DCGM_FI_DEV_XID_ERRORS[5m])", "not in the sandbox"), ("max(", "unexpected end of input")]
    {
        let refused = session.call("gpu_get_promql", json!({"query": query})).unwrap();
        assert_eq!(refused["isError"], true, "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
    session.close().unwrap();
}

#[test]
fn gates_hold_on_the_sandbox_and_changes_change_it() {
    let find = json!({"service": "ec2", "operation": "DescribeInstances", "query": "Reservations[].Instances[].[InstanceId, State.Name]",
        "parameters": {"Filters": [{"Name": "tag:Name", "Values": ["notebook-anna"]}]}});
    let id_of = |answer: &Value| answer.to_string().split('"').find(|text| text.starts_with("i-")).unwrap().to_owned();

    let at = bare();
    let mut reader = session(&at, &[]);
    let id = id_of(&call(&mut reader, "aws_call", &find));
    let refused = reader.call("ec2_stop_instances", json!({"instance_ids": [id]})).unwrap();
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(refused.to_string().contains("--allow-write"), "{refused}");
    reader.close().unwrap();

    let mut writer = session(&at, &["--allow-write", "--confirm", "never"]);
    let id = id_of(&call(&mut writer, "aws_call", &find));
    call(&mut writer, "ec2_stop_instances", &json!({"instance_ids": [id]}));
    let after = call(&mut writer, "aws_call", &find);
    assert!(after.to_string().contains("stop"), "{after}");
    let profile = writer.call("ec2_list_instances", json!({"profile": "prod"})).unwrap();
    assert_eq!(profile["isError"], true, "the keys of others have no business there: {profile}");
    writer.close().unwrap();
}

/// Everything by which AWS, Kubernetes and collectors are found, all leading to an endpoint that counts who comes.
fn hostile(at: Trainyard, url: &str) -> Trainyard {
    let home = at.home().to_owned();
    let write = |name: &str, text: &str| {
        let path = home.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = real\n";
    write(".aws/credentials", &format!("[default]\n{keys}[prod]\n{keys}"));
    let profiles =
        format!("[default]\nregion = eu-west-1\nendpoint_url = {url}\n[profile prod]\nendpoint_url = {url}\n");
    write(".aws/config", &profiles);
    let cluster = json!({ "apiVersion": "v1", "kind": "Config", "current-context": "prod",
        "clusters": [{ "name": "prod", "cluster": { "server": url } }], "users": [{ "name": "prod", "user": { "token": "real" } }],
        "contexts": [{ "name": "prod", "context": { "cluster": "prod", "user": "prod" } }] });
    let kubeconfig = write(".kube/config", &cluster.to_string());
    write(
        ".config/trainyard/trainyard.toml",
        &format!(
            "profile = \"prod\"\nallow_write = true\n[prometheus]\nurl = \"{url}\"\n[ml]\ndata_bucket = \"real-data\"\nmlflow_url = \"{url}\"\n"
        ),
    );
    let port = url.rsplit(':').next().unwrap().to_owned();
    let values = [
        ("AWS_PROFILE", "prod"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "real"),
        ("AWS_SESSION_TOKEN", "real"),
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ENDPOINT_URL_EC2", url),
        ("AWS_ENDPOINT_URL_STS", url),
        ("AWS_ENDPOINT_URL_SAGEMAKER", url),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
        ("HTTP_PROXY", url),
        ("http_proxy", url),
        ("HTTPS_PROXY", url),
        ("ALL_PROXY", url),
        ("KUBECONFIG", kubeconfig.as_str()),
        ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
        ("KUBERNETES_SERVICE_PORT", port.as_str()),
        ("EKS_AUTH_MODE", "nonsense"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("MLFLOW_TRACKING_URI", url),
        ("ML_DATA_BUCKET", "real-data"),
        ("TRAINYARD_CONFIG", "/nonexistent/trainyard.toml"),
        ("TRAINYARD_STATE_DIR", "/nonexistent/state"),
    ];
    values.iter().fold(at, |at, (name, value)| at.with(name, value))
}

#[test]
fn nothing_in_the_environment_leads_out_of_the_sandbox() {
    let outside = Endpoint::start(|_| Reply::new(200, "application/json", "{}")).unwrap();
    let at = hostile(bare(), &outside.url());
    let mut session = session(&at, &[]);
    for (tool, arguments, wanted) in [
        ("iam_get_caller_identity", json!({}), "111122223333"),
        ("ec2_list_instances", json!({}), "notebook-anna"),
        ("hyperpod_report", json!({}), "pretrain"),
        ("list_gpu_nodes", json!({}), "gpu-0000"),
        ("list_gpu_nodes", json!({ "cluster": "trainyard" }), "gpu-0000"),
        ("k8s_list_objects", json!({ "kind": "Pod" }), "count"),
        ("get_gpu_metrics", json!({ "metric": "card_utilization" }), "service monitoring/prometheus:9090"),
        ("dataset_list", json!({}), "rows"),
    ] {
        let answer = call(&mut session, tool, &arguments);
        assert!(answer.to_string().contains(wanted), "{tool}: {answer}");
    }
    for (tool, arguments) in [
        ("ec2_list_instances", json!({ "profile": "prod" })),
        ("list_gpu_nodes", json!({ "cluster": "prod" })),
        // The settings file that opens this gate is not read.
        ("ec2_stop_instances", json!({ "instance_ids": ["i-0123456789abcdef0"] })),
    ] {
        let refused = session.call(tool, arguments).unwrap();
        assert_eq!(refused["isError"], true, "{tool}: {refused}");
    }
    session.close().unwrap();
    let shown = at.run(&["demo"]).unwrap();
    assert!(shown.status.success(), "{}{}", shown.stdout, shown.stderr);
    let seen = outside.take();
    assert!(seen.is_empty(), "something went out: {seen:?}");
}

#[test]
fn the_tour_shows_what_there_is_and_leaves_nothing_behind() {
    let at = bare();
    let shown = at.run(&["demo"]).unwrap();
    assert!(shown.status.success(), "{}{}", shown.stdout, shown.stderr);
    for part in [
        "111122223333",
        "pretrain",
        "p5.48xlarge",
        "gpu-0000",
        "llm-sweep-7",
        "refused:",
        "--allow-write",
        "A person is asked now",
        "validation_loss",
        "█",
        "diverged",
        "trainyard serve --sandbox",
        "trainyard eval --list",
        "mcpServers",
    ] {
        assert!(shown.stdout.contains(part), "no {part} in:\n{}", shown.stdout);
    }
    // Where the program is may be long.
    let lines = shown.stdout.lines().filter(|line| !line.contains(BINARY));
    let widest = lines.map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 120, "{widest} columns");
    assert_nothing_is_left(&at);
}

#[test]
fn a_fleet_is_as_large_as_it_is_asked_to_be_and_the_same_for_the_same_seed() {
    let at = bare();
    let pods = |seed: &str| {
        let mut session = session(&at, &["--nodes", "20", "--pods", "150", "--seed", seed]);
        let nodes =
            call(&mut session, "k8s_list_objects", &json!({ "kind": "Node", "fields": ["name"], "limit": 100 }));
        assert_eq!(nodes["count"], 20, "{nodes}");
        let pods = call(&mut session, "gpu_fragmentation", &json!({ "limit": 100 }));
        session.close().unwrap();
        pods["groups"].clone()
    };
    let (first, again, other) = (pods("5"), pods("5"), pods("6"));
    assert_eq!(first, again);
    assert_ne!(first, other);
    for words in [&["serve", "--nodes", "20"][..], &["serve", "--sandbox", "--scenario", "nonsense"]] {
        let refused = at.run(words).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {}", refused.stderr);
    }
}
