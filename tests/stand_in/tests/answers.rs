//! The stand-in, seen by the client that it stands in for.

use serde_json::{Map, Value, json};
use trainyard_aws::{
    Engine, Scope, Settings, StaticCredentials,
    catalogue::{
        self,
        model::{Bounds, Kind, Location, Protocol, Service, ShapeId},
    },
};
use trainyard_contract::Ceiling;
use trainyard_stand_in::{Answer, StandIn};

fn engine(aws: &StandIn) -> Engine {
    Engine::new(Settings {
        endpoint_url: Some(aws.url()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ceiling: Ceiling { write: true, sensitive: true },
        ..Settings::default()
    })
}

/// `wanted`, or the bound that is nearest to it.
fn within(bounds: &Bounds, wanted: i64) -> i64 {
    wanted.max(bounds.min.unwrap_or(wanted)).min(bounds.max.unwrap_or(i64::MAX))
}

/// A value of a shape, as full as the shape is, `depth` structures deep.
fn full(service: &Service<'_>, id: ShapeId, depth: usize) -> Value {
    match &service.shape(id).kind {
        Kind::Boolean => json!(true),
        Kind::Integer(bounds) | Kind::Long(bounds) => json!(within(bounds, 7)),
        // A fraction where the bounds have room for one.
        Kind::Float(bounds) | Kind::Double(bounds) => match within(bounds, 7) {
            1 => json!(0.5),
            whole => json!(f64::from(u32::try_from(whole).expect("small")) - 0.5),
        },
        Kind::String(_, known) if !known.is_empty() => json!(known[0]),
        Kind::String(bounds, _) => {
            let length = usize::try_from(within(bounds, 4)).expect("short");
            json!("a<&>\" z".chars().cycle().take(length).collect::<String>())
        }
        Kind::Blob { .. } => json!("aGVsbG8="),
        Kind::Timestamp(_) => json!("2026-11-21T10:00:00Z"),
        Kind::Document => json!({"a": [1, true]}),
        Kind::List { item, length, .. } => (0..within(length, 1)).map(|_| full(service, item.shape, depth)).collect(),
        Kind::Map { value, .. } => json!({"name": full(service, value.shape, depth)}),
        Kind::Structure(structure) if structure.union => {
            let member = &structure.members[0];
            json!({member.name: full(service, member.shape, depth.saturating_sub(1))})
        }
        Kind::Structure(structure) => {
            let shown = |required: bool| required || depth > 0;
            let members = structure.members.iter().filter(|member| {
                let leaf = !matches!(
                    service.shape(member.shape).kind,
                    Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. }
                );
                shown(member.is(1)) || leaf
            });
            let members = members.filter(|member| member.location == Location::Body || member.is(1));
            let inner = depth.saturating_sub(1);
            members
                .map(|member| (member.name.to_owned(), full(service, member.shape, inner)))
                .collect::<Map<_, _>>()
                .into()
        }
    }
}

/// The services of the tools, one at least of each protocol.
const SERVICES: [&str; 8] =
    ["ec2", "sagemaker", "pricing", "service-quotas", "eks", "iam", "cloudformation", "route53"];

#[tokio::test]
async fn what_a_test_writes_down_is_what_the_client_reads() {
    let (mut checked, mut protocols) = (0, Vec::new());
    for name in SERVICES {
        let aws = StandIn::start();
        let (engine, service) = (engine(&aws), catalogue::service(name).expect("known"));
        protocols.push(service.protocol);
        for operation in service.operations.iter().step_by(7) {
            let output = operation.output.map_or_else(|| json!({}), |id| full(service, id, 4));
            // Tokens inside of an input are made up by the engine where they are missing.
            let input = operation.input.map_or_else(|| json!({}), |id| required(service, id, 6));
            aws.answer(name, operation.name, output.clone());
            let reply = engine.call(name, operation.name, input, &Scope::default()).await;
            let reply =
                reply.unwrap_or_else(|error| panic!("{name} {}: {error}: {:?}", operation.name, aws.take_faults()));
            assert_eq!(reply.output, output, "{name} {}", operation.name);
            checked += 1;
        }
    }
    assert!(checked > 180, "{checked} operations");
    for protocol in [Protocol::Ec2, Protocol::Query, Protocol::Json11, Protocol::RestJson, Protocol::RestXml] {
        assert!(protocols.contains(&protocol), "{protocol:?} was not tried");
    }
}

/// An input with what is required.
fn required(service: &Service<'_>, id: ShapeId, depth: usize) -> Value {
    let Kind::Structure(structure) = &service.shape(id).kind else { return full(service, id, 0) };
    let members = structure.members.iter().filter(|member| member.is(1));
    members
        .map(|member| {
            let value = match &service.shape(member.shape).kind {
                Kind::String(bounds, known) if known.is_empty() => {
                    json!("a".repeat(usize::try_from(within(bounds, 12)).expect("short")))
                }
                Kind::Structure(_) if depth > 0 => required(service, member.shape, depth - 1),
                _ => full(service, member.shape, 1),
            };
            (member.name.to_owned(), value)
        })
        .collect::<Map<_, _>>()
        .into()
}

#[tokio::test]
async fn a_call_is_understood_whatever_its_protocol() {
    let aws = StandIn::start();
    let engine = engine(&aws);
    let tags = json!([{"Key": "a b", "Value": "c&d=e"}]);
    for (service, operation, input, output) in [
        (
            "ec2",
            "CreateSnapshot",
            json!({"VolumeId": "vol-1", "TagSpecifications": [{"ResourceType": "snapshot", "Tags": tags}]}),
            json!({}),
        ),
        ("iam", "TagRole", json!({"RoleName": "r", "Tags": tags}), json!({})),
        ("pricing", "GetProducts", json!({"ServiceCode": "AmazonEC2", "MaxResults": 3}), json!({})),
        ("eks", "ListInsights", json!({"clusterName": "a b", "maxResults": 3}), json!({})),
        ("s3", "PutBucketTagging", json!({"Bucket": "bucket", "Tagging": {"TagSet": tags}}), json!({})),
        ("s3", "GetObject", json!({"Bucket": "bucket", "Key": "a/b c", "Range": "bytes=0-1"}), json!({"Body": "aGk="})),
    ] {
        aws.answer(service, operation, output);
        engine.call(service, operation, input.clone(), &Scope::default()).await.expect(operation);
        let call = aws.calls().pop().expect("a call");
        assert_eq!((call.service, call.operation, call.region.as_str()), (service, operation, "eu-west-1"));
        for (name, value) in input.as_object().expect("an object") {
            assert_eq!(&call.input[name], value, "{operation} {name}");
        }
    }
}

#[tokio::test]
async fn refusals_sequences_and_dry_runs_reach_the_client() {
    let aws = StandIn::start();
    let engine = engine(&aws);
    let call = async |service, operation, input| engine.call(service, operation, input, &Scope::default()).await;
    for (service, operation, input) in [
        ("ec2", "DescribeVpcs", json!({})),
        ("iam", "ListRoles", json!({})),
        ("sagemaker", "ListClusters", json!({})),
        ("eks", "ListClusters", json!({})),
        ("s3", "ListBuckets", json!({})),
    ] {
        aws.refuse(service, operation, 403, "AccessDenied", "no <you> may not");
        let error = call(service, operation, input).await.expect_err(operation);
        assert_eq!((error.code_str(), error.http_status_code()), ("AccessDenied", Some(403)), "{operation}");
    }
    aws.answer_in_turn("ec2", "DescribeVpcs", [Answer::throttled(), json!({"Vpcs": []}).into()]);
    assert_eq!(call("ec2", "DescribeVpcs", json!({})).await.expect("a second try").output, json!({"Vpcs": []}));
    aws.answer("ec2", "CreateVpc", json!({"Vpc": {"VpcId": "vpc-1"}}));
    let error = call("ec2", "CreateVpc", json!({"DryRun": true})).await.expect_err("a dry run");
    assert_eq!(error.code_str(), "DryRunOperation");
}

#[tokio::test]
async fn what_the_api_does_not_have_ends_the_test() {
    let aws = StandIn::start();
    for (operation, output, part) in [
        ("DescribeVpcs", json!({"Vpc": []}), "has no member Vpc"),
        ("DescribeVpcs", json!({"Vpcs": {}}), "wants a list"),
        ("DescribeVpcs", json!({"Vpcs": [{"State": "ready"}]}), "none of pending, available"),
        ("DescribeVpcz", json!({}), "has no operation"),
    ] {
        let written = std::panic::AssertUnwindSafe(|| aws.answer("ec2", operation, output).calls());
        let panic = std::panic::catch_unwind(written).expect_err(operation);
        let text = panic.downcast_ref::<String>().expect("a sentence");
        assert!(text.contains(part), "{text}");
    }
    let panic = std::panic::catch_unwind(|| StandIn::start().answer("sagemaker", "ListClusters", json!({})).calls());
    assert!(panic.is_err(), "ClusterSummaries is required");
    let engine = engine(&aws);
    let call = async |operation| engine.call("ec2", operation, json!({}), &Scope::default()).await;
    aws.answer_with("ec2", "DescribeVpcs", |_| json!({"Vpc": []}).into());
    call("DescribeVpcs").await.expect_err("the answer has no such member");
    call("DescribeSubnets").await.expect_err("nobody answers it");
    let faults = aws.take_faults();
    assert!(faults[0].contains("no member Vpc") && faults[1].contains("has no answer"), "{faults:?}");
}
