//! Traces and metrics as a collector gets them, read with the types of the OpenTelemetry project.

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::{HistogramDataPoint, metric::Data},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Seen, Trainyard};

use crate::{BINARY, with_moto};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn collector() -> Endpoint {
    Endpoint::start(|_| Reply::new(200, "application/x-protobuf", "")).unwrap()
}

fn spans(seen: &[Seen]) -> Vec<Span> {
    let requests = seen.iter().filter(|request| request.path == "/v1/traces");
    let batches = requests.map(|request| ExportTraceServiceRequest::decode(&*request.bytes).unwrap());
    let scopes = batches.flat_map(|batch| batch.resource_spans).flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// Points of the one histogram, of the last batch: it counts from the start of the process.
fn points(seen: &[Seen]) -> Vec<HistogramDataPoint> {
    let request = seen.iter().rfind(|request| request.path == "/v1/metrics").unwrap();
    let batch = ExportMetricsServiceRequest::decode(&*request.bytes).unwrap();
    let scopes = batch.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    let mut metrics = scopes.flat_map(|scope| scope.metrics);
    let metric = metrics.find(|metric| metric.name == "mcp.server.operation.duration").unwrap();
    assert_eq!(metric.unit, "s");
    let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
    histogram.data_points
}

fn said<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let pair = attributes.iter().find(|pair| pair.key == key)?;
    match pair.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

fn calls(at: &Trainyard) {
    let mut session = at.serve(&["--allow-write"], Era::Legacy).unwrap();
    session.hello().unwrap();
    let meta = json!({ "traceparent": TRACE });
    let params = json!({ "name": "iam_get_caller_identity", "arguments": {}, "_meta": meta });
    session.ask("tools/call", params).unwrap();
    // Arguments that are not understood, and a change that a person has to agree to.
    session.call("ec2_list_instances", json!({ "limit": "many" })).unwrap();
    let secret = json!({ "service": "ec2", "operation": "TerminateInstances", "parameters": { "InstanceIds": ["i-0123456789abcdef0"] } });
    let asked = session.call("aws_call", secret).unwrap();
    assert_eq!(asked["isError"], true, "{asked}");
    session.close().unwrap();
}

#[test]
fn a_collector_is_told_of_every_call_and_of_nothing_in_it() {
    let collector = collector();
    let at = with_moto("ap-south-2").with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    calls(&at);
    let seen = collector.take();
    let spans = spans(&seen);
    let span = |name: &str| spans.iter().find(|span| span.name == format!("tools/call {name}")).unwrap();
    assert_eq!(spans.len(), 3, "{spans:#?}");

    let done = span("iam_get_caller_identity");
    assert_eq!(done.trace_id, *b"\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c");
    assert_eq!(done.parent_span_id, *b"\xb7\xad\x6b\x71\x69\x20\x33\x31");
    assert_eq!(done.kind(), SpanKind::Server);
    assert!(done.end_time_unix_nano > done.start_time_unix_nano);
    for (key, expected) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "iam_get_caller_identity"),
        ("network.transport", "pipe"),
        ("trainyard.toolset", "iam"),
        ("trainyard.effect", "reads"),
        ("trainyard.outcome", "done"),
    ] {
        assert_eq!(said(&done.attributes, key), Some(expected), "{key}");
    }

    let failed = span("ec2_list_instances");
    assert!(failed.parent_span_id.is_empty());
    assert_eq!(said(&failed.attributes, "error.type"), Some("validation"));
    assert_eq!(failed.status.as_ref().unwrap().code(), StatusCode::Error);

    let asked = span("aws_call");
    assert_eq!(said(&asked.attributes, "trainyard.outcome"), Some("asked"));
    assert_eq!(said(&asked.attributes, "trainyard.effect"), Some("destroys"));

    let points = points(&seen);
    assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), 3, "{points:#?}");
    for request in &seen {
        for inside in ["i-0123456789abcdef0", "123456789012", "many"] {
            assert!(!request.body.contains(inside), "{inside} left in {}", request.path);
        }
    }
}

#[test]
fn one_signal_can_be_left_out_and_all_can_be_switched_off() {
    let collector = collector();
    let at = Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap();
    let at = at.with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    let call = |at: &Trainyard| at.run(&["call", "aws_search", "query=instances"]).unwrap();

    let off = at.with("OTEL_SDK_DISABLED", "true");
    assert!(call(&off).status.success());
    assert_eq!(collector.take().len(), 0);

    let traces = off.without("OTEL_SDK_DISABLED").with("OTEL_METRICS_EXPORTER", "none");
    assert!(call(&traces).status.success());
    let paths: Vec<String> = collector.take().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1/traces"]);
}

#[test]
fn a_collector_that_is_not_there_changes_no_answer() {
    let at = Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap();
    let at = at.with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let ended = at.run(&["call", "aws_search", "query=instances", "--json"]).unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(answer["count"].as_u64().is_some_and(|count| count > 0), "{answer}");
}
