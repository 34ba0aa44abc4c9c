//! The operator's limits on GPUs, cost and things made: above them nothing is sent, below them it is, and what is not
//! known counts as too much.

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};
use trainyard_sandbox::kubernetes::Server;
use trainyard_stand_in::{Answer, Call, StandIn};

use crate::{
    BINARY, ec2_money,
    hyperpod_cases::{cases, world},
    operator::{ruled, write_policy},
};

const OPEN: [&str; 6] = ["--toolsets", "all", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

fn open(at: &Trainyard) -> Session {
    let mut session = at.serve(&OPEN, Era::Modern).unwrap();
    session.hello().unwrap();
    session
}

/// What a call says under a policy's limits: nothing where it went through, else code and message.
fn refusal(aws: &StandIn, limits: &str, tool: &str, arguments: &Value) -> Option<(String, String)> {
    let at = ruled(&aws.url(), &format!("[limits]\n{limits}\n")).with("AWS_REGION", "us-west-2");
    said(&open(&at).call(tool, arguments.clone()).unwrap())
}

fn said(result: &Value) -> Option<(String, String)> {
    let error = &result["structuredContent"]["error"];
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    (result["isError"] == true).then(|| (text("code"), format!("{} {}", text("message"), text("hint"))))
}

/// A tool under each limit: `fits` lets it through, `over` is too little, and each says what it counted.
fn holds(aws: &dyn Fn() -> StandIn, sends: &str, tool: &str, arguments: &Value, fits: &str, over: &[(&str, &str)]) {
    let done = |aws: &StandIn| aws.calls_of(sends).iter().filter(|input| input["DryRun"] != true).count();
    for (limit, counted) in over {
        let aws = aws();
        let (code, text) = refusal(&aws, limit, tool, arguments).unwrap_or_else(|| panic!("{tool} passed {limit}"));
        assert_eq!(code, "LimitExceeded", "{tool} under {limit}: {text}");
        assert!(text.contains(counted), "{tool} under {limit}: {text}");
        assert_eq!(done(&aws), 0, "{tool} under {limit}: nothing is sent");
    }
    let aws = aws();
    assert_eq!(refusal(&aws, fits, tool, arguments), None, "{tool} under {fits}");
    assert_eq!(done(&aws), 1, "{tool} under {fits}");
}

/// The prices and machines of `ec2_money`, where a launch succeeds.
fn launches() -> StandIn {
    let aws = ec2_money::aws();
    aws.answer_with("ec2", "RunInstances", |call| {
        if call.input["DryRun"] == true {
            return Answer::refusal(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
        }
        json!({ "ReservationId": "r-1", "Instances": [{ "InstanceId": "i-0123456789abcdef0", "InstanceType": "p5.48xlarge",
                "State": { "Code": 0, "Name": "pending" } }] })
        .into()
    });
    aws
}

#[test]
fn a_launch_of_instances_is_held_by_every_limit() {
    let launch = json!({ "image_id": "ami-0123456789abcdef0", "instance_type": "p5.48xlarge", "max_count": 2 });
    let over = [
        ("gpus = 15", "add 16 GPUs"),
        ("dollars_per_hour = 196.63", "add 196.64 US dollars an hour"),
        ("objects = 1", "make 2 things"),
    ];
    let fits = "gpus = 16\ndollars_per_hour = 196.64\nobjects = 2";
    holds(&launches, "RunInstances", "ec2_create_instance", &launch, fits, &over);
}

#[test]
fn a_launch_that_nobody_can_count_is_refused_under_a_limit_and_only_then() {
    for (launch, why) in [
        (json!({ "launch_template_name": "gpu" }), "launch template"),
        (json!({ "image_id": "ami-0123456789abcdef0", "instance_type": "p9.huge" }), "p9.huge"),
    ] {
        for limit in ["gpus = 1000", "dollars_per_hour = 100000.0"] {
            let aws = launches();
            let (code, text) = refusal(&aws, limit, "ec2_create_instance", &launch).unwrap();
            let name = limit.split(' ').next().unwrap();
            assert_eq!(code, "LimitUnknown", "{limit}: {text}");
            assert!(text.contains(why) && text.contains(&format!("limits.{name}")), "{limit}: {text}");
            assert!(aws.calls_of("RunInstances").iter().all(|input| input["DryRun"] == true), "{limit}");
        }
        assert_eq!(refusal(&launches(), "objects = 10", "ec2_create_instance", &launch), None);
    }
}

#[test]
fn a_dry_run_tells_that_the_limits_would_refuse() {
    let aws = launches();
    let at = ruled(&aws.url(), "[limits]\ngpus = 8\n");
    let launch = json!({ "image_id": "ami-0123456789abcdef0", "instance_type": "p5.48xlarge", "max_count": 2,
                         "dry_run": true });
    let result = open(&at).call("ec2_create_instance", launch).unwrap();
    let shown = &result["structuredContent"];
    assert_eq!((&result["isError"], &shown["plan"]["cost_per_hour"]), (&json!(false), &json!("196.64")), "{result}");
    assert!(shown["beyond_limits"].as_str().unwrap().contains("add 16 GPUs"), "{result}");
}

#[test]
fn what_is_started_again_is_counted_like_what_is_launched() {
    let aws = || {
        let aws = launches();
        let stopped = |state: &str| {
            json!({ "Reservations": [{ "Instances": [{ "InstanceId": "i-0123456789abcdef0",
            "InstanceType": "p5.48xlarge", "State": { "Code": 80, "Name": state } }] }] })
        };
        aws.answer("ec2", "DescribeInstances", stopped("stopped"));
        aws.answer(
            "ec2",
            "StartInstances",
            json!({ "StartingInstances": [{ "InstanceId": "i-0123456789abcdef0",
            "CurrentState": { "Code": 0, "Name": "pending" }, "PreviousState": { "Code": 80, "Name": "stopped" } }] }),
        );
        aws
    };
    let start = json!({ "instance_ids": ["i-0123456789abcdef0"] });
    let over = [("gpus = 7", "add 8 GPUs"), ("dollars_per_hour = 98.0", "add 98.32 US")];
    holds(&aws, "StartInstances", "ec2_start_instances", &start, "gpus = 8\ndollars_per_hour = 99.0", &over);
}

#[test]
fn a_raw_call_does_not_lead_around_the_limits() {
    let run = json!({ "service": "ec2", "operation": "RunInstances",
                      "parameters": { "ImageId": "ami-1", "InstanceType": "p5.48xlarge", "MinCount": 1, "MaxCount": 1 } });
    let grow = json!({ "service": "eks", "operation": "UpdateNodegroupConfig",
                       "parameters": { "clusterName": "c", "nodegroupName": "n", "scalingConfig": { "desiredSize": 99 } } });
    for (arguments, sends) in [(run, "RunInstances"), (grow, "UpdateNodegroupConfig")] {
        let aws = launches();
        let (code, text) = refusal(&aws, "gpus = 1000", "aws_call", &arguments).unwrap();
        assert_eq!(code, "LimitUnknown", "{sends}: {text}");
        assert!(aws.calls_of(sends).iter().all(|input| input["DryRun"] == true), "{sends}");
    }
}

#[test]
fn a_volume_costs_what_it_has_and_a_change_of_it_what_it_gets() {
    let volumes = || {
        let aws = ec2_money::aws();
        let volume = json!({ "VolumeId": "vol-1", "Size": 7300, "State": "available", "VolumeType": "gp3", "Iops": 3000,
                             "Throughput": 125 });
        aws.answer("ec2", "DescribeVolumes", json!({ "Volumes": [volume] }));
        aws.answer_with("ec2", "CreateVolume", |call| when_meant(call, json!({ "VolumeId": "vol-1" })));
        let changed = json!({ "VolumeModification": { "VolumeId": "vol-1", "ModificationState": "modifying" } });
        aws.answer_with("ec2", "ModifyVolume", move |call| when_meant(call, changed.clone()));
        aws
    };
    // 7,300 GiB x 0.08 / 730 hours.
    let create = json!({ "availability_zone": "us-west-2a", "size": 7300 });
    let (fits, over) = ("dollars_per_hour = 0.8\ngpus = 0", [("dollars_per_hour = 0.79", "add 0.8 US")]);
    holds(&volumes, "CreateVolume", "ebs_create_volume", &create, fits, &over);
    let grow = json!({ "volume_id": "vol-1", "size": 14_600 });
    holds(&volumes, "ModifyVolume", "ebs_modify_volume", &grow, fits, &over);
}

/// A dry run succeeds as EC2 has it: as an error.
fn when_meant(call: &Call, output: Value) -> Answer {
    if call.input["DryRun"] == true {
        return Answer::refusal(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    }
    output.into()
}

fn hyperpod() -> StandIn {
    let aws = StandIn::start();
    world(&aws);
    aws.answer(
        "sagemaker",
        "CreateCluster",
        json!({ "ClusterArn": "arn:aws:sagemaker:us-west-2:1:cluster/a1b2c3d4e5f6" }),
    );
    aws
}

#[test]
fn hyperpod_clusters_and_training_plans_are_held_by_every_limit() {
    let arguments = |tool: &str| cases().into_iter().find(|case| case.tool == tool).unwrap().arguments;
    let mut create = arguments("hyperpod_create_cluster");
    create["instance_groups"][0]["count"] = 3.into();
    let over = [
        ("gpus = 23", "add 24 GPUs"),
        ("dollars_per_hour = 179.99", "add 180 US dollars an hour"),
        ("objects = 2", "make 3 things"),
    ];
    let fits = "gpus = 24\ndollars_per_hour = 180.0\nobjects = 3";
    holds(&hyperpod, "CreateCluster", "hyperpod_create_cluster", &create, fits, &over);

    let aws = hyperpod();
    aws.answer("pricing", "GetProducts", json!({ "PriceList": [] }));
    let (code, text) = refusal(&aws, "dollars_per_hour = 1e6", "hyperpod_create_cluster", &create).unwrap();
    assert_eq!(code, "LimitUnknown", "{text}");
    assert!(text.contains("ml.p5.48xlarge") && text.contains("limits.dollars_per_hour"), "{text}");
    assert!(aws.calls_of("CreateCluster").is_empty());

    let plan = arguments("hyperpod_create_training_plan");
    let aws = hyperpod();
    let (code, text) = refusal(&aws, "dollars_per_hour = 124.0", "hyperpod_create_training_plan", &plan).unwrap();
    assert_eq!(code, "LimitExceeded", "{text}");
    assert!(text.contains("add 125 US dollars an hour"), "9,000 for 72 hours: {text}");
    assert!(aws.calls_of("CreateTrainingPlan").is_empty());
}

#[test]
fn pods_that_ask_for_gpus_are_counted_whichever_tool_makes_them() {
    let sandbox = Server::start().unwrap();
    let at = Trainyard::bare(BINARY).unwrap();
    let path = at.home().join("kubeconfig");
    std::fs::write(&path, sandbox.kubeconfig()).unwrap();
    let at = at.with("KUBECONFIG", path.to_str().unwrap());
    write_policy(&at, "[limits]\ngpus = 8\n");
    let mut session = open(&at);
    let deployment = |replicas: u32| {
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "chat", "namespace": "default" },
            "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": "chat" } },
                "template": { "metadata": { "labels": { "app": "chat" } }, "spec": { "containers": [
                    { "name": "chat", "image": "chat", "resources": { "limits": { "nvidia.com/gpu": "4" } } }] } } } })
        .to_string()
    };
    let mut call = |tool: &str, arguments: Value| said(&session.call(tool, arguments).unwrap());
    let over = call("k8s_apply_manifest", json!({ "manifest": deployment(3) })).unwrap();
    assert!(over.0 == "LimitExceeded" && over.1.contains("add 12 GPUs"), "{over:?}");
    let named = json!({ "kind": "Deployment", "name": "chat", "namespace": "default" });
    assert!(call("k8s_describe_object", named.clone()).is_some(), "it was not made");
    assert_eq!(call("k8s_apply_manifest", json!({ "manifest": deployment(2) })), None);
    let scale = |replicas: u32| {
        let mut arguments = named.clone();
        arguments["replicas"] = replicas.into();
        arguments
    };
    let over = call("k8s_scale_object", scale(5)).unwrap();
    assert!(over.1.contains("add 12 GPUs"), "from 2 to 5 pods: {over:?}");
    assert_eq!(call("k8s_scale_object", scale(4)), None, "8 more");
    let mut grown = named.clone();
    grown["patch"] = json!({ "spec": { "replicas": 7 } });
    assert!(call("k8s_patch_object", grown).unwrap().1.contains("add 12 GPUs"));
    let daemons = json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "burn", "namespace": "default" },
        "spec": { "selector": { "matchLabels": { "app": "burn" } }, "template": { "metadata": { "labels": { "app": "burn" } },
            "spec": { "containers": [{ "name": "a", "image": "a", "resources": { "limits": { "nvidia.com/gpu": "1" } } }] } } } });
    let unknown = call("k8s_apply_manifest", json!({ "manifest": daemons.to_string() })).unwrap();
    assert_eq!(unknown.0, "LimitUnknown", "{unknown:?}");
}
