//! What is told of calls: over OTLP, where the standard variables of OpenTelemetry name somebody who collects it, and as numbers to
//! Prometheus, which asks for them.
//!
//! Names are those of OpenTelemetry's conventions for MCP. Neither arguments nor answers leave.

mod client;
mod counts;

pub(crate) use counts::Counts;

use std::{collections::HashMap, sync::Arc, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    metrics::{Histogram, MeterProvider},
    propagation::TextMapPropagator,
    trace::{Span, SpanKind, Status, Tracer, TracerProvider},
};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use trainyard_contract::{Error, Result};
use trainyard_dispatch::{Ended, Ending, Watch};

use self::client::Client;

/// How long the last batches may take at the end of the process.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bounds of the histogram in seconds, as the convention wants them.
const SECONDS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// What is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signals {
    pub(crate) traces: bool,
    pub(crate) metrics: bool,
}

/// Sends what calls were made, how they ended and how long they took. Addresses, headers and time limits are read by
/// the library itself, under the names that all programs share.
#[derive(Debug)]
pub(crate) struct Telemetry {
    traces: Option<(SdkTracerProvider, SdkTracer)>,
    metrics: Option<(SdkMeterProvider, Histogram<f64>)>,
}

impl Telemetry {
    /// Connects to nobody yet.
    pub(crate) fn start(signals: Signals) -> Result<Option<Arc<Self>>> {
        if signals == Signals::default() {
            return Ok(None);
        }
        let resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        // A name that the operator gives in a variable counts more.
        let resource = match Resource::builder().build().get(&"service.name".into()) {
            Some(name) if !name.as_str().starts_with("unknown_service") => resource.build(),
            _ => resource.with_service_name("trainyard").build(),
        };
        let traces = signals.traces.then(|| traces(resource.clone())).transpose()?;
        let metrics = signals.metrics.then(|| metrics(resource)).transpose()?;
        Ok(Some(Arc::new(Self { traces, metrics })))
    }

    /// Sends what is left.
    pub(crate) fn end(&self) {
        let traces = self.traces.as_ref().map(|(provider, _)| provider.shutdown_with_timeout(PATIENCE));
        let metrics = self.metrics.as_ref().map(|(provider, _)| provider.shutdown_with_timeout(PATIENCE));
        for error in [traces, metrics].into_iter().flatten().filter_map(std::result::Result::err) {
            tracing::warn!("the last traces or metrics were not sent: {error}");
        }
    }
}

fn traces(resource: Resource) -> Result<(SdkTracerProvider, SdkTracer)> {
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = exporter.with_http_client(Client::new()?).build().map_err(|error| cannot(&error))?;
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let tracer = provider.tracer("trainyard");
    Ok((provider, tracer))
}

fn metrics(resource: Resource) -> Result<(SdkMeterProvider, Histogram<f64>)> {
    let exporter = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = exporter.with_http_client(Client::new()?).build().map_err(|error| cannot(&error))?;
    let provider = SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(exporter).build();
    let histogram = provider
        .meter("trainyard")
        .f64_histogram("mcp.server.operation.duration")
        .with_unit("s")
        .with_boundaries(SECONDS.to_vec())
        .build();
    Ok((provider, histogram))
}

fn cannot(error: &dyn std::error::Error) -> Error {
    Error::validation(format!("traces and metrics cannot be sent: {error}"))
        .hint("look at the variables OTEL_EXPORTER_OTLP_*, or set OTEL_SDK_DISABLED=true")
}

/// Several that are told.
pub(crate) struct All(Vec<Arc<dyn Watch>>);

impl All {
    /// `None` for nobody.
    pub(crate) fn of(watches: Vec<Arc<dyn Watch>>) -> Option<Arc<dyn Watch>> {
        (!watches.is_empty()).then(|| Arc::new(Self(watches)) as _)
    }
}

impl Watch for All {
    fn ended(&self, call: &Ended) {
        self.0.iter().for_each(|watch| watch.ended(call));
    }
}

impl Watch for Telemetry {
    fn ended(&self, call: &Ended) {
        if let Some((_, tracer)) = &self.traces {
            trace(tracer, call);
        }
        if let Some((_, histogram)) = &self.metrics {
            histogram.record(call.took.as_secs_f64(), &attributes(call));
        }
    }
}

fn trace(tracer: &SdkTracer, call: &Ended) {
    let mut attributes = attributes(call);
    if let Some(effect) = call.effect {
        attributes.push(KeyValue::new("trainyard.effect", effect.as_str()));
    }
    let mut span = tracer
        .span_builder(format!("tools/call {}", call.tool))
        .with_kind(SpanKind::Server)
        .with_start_time(call.started)
        .with_attributes(attributes)
        .start_with_context(tracer, &parent(call));
    if let Ending::Failed(kind) = call.ending {
        span.set_status(Status::error(kind.as_str()));
    }
    span.end_with_timestamp(call.started + call.took);
}

/// The span of the caller. One that cannot be read is as good as none.
fn parent(call: &Ended) -> Context {
    let carried = call.trace.iter().map(|parent| ("traceparent".to_owned(), parent.clone()));
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carried.collect::<HashMap<_, _>>())
}

/// What metrics can be told apart by: few values each.
fn attributes(call: &Ended) -> Vec<KeyValue> {
    let outcome = match call.ending {
        Ending::Done => "done",
        Ending::Asked => "asked",
        Ending::Failed(_) => "failed",
        Ending::Cancelled => "cancelled",
    };
    let mut attributes = vec![
        KeyValue::new("mcp.method.name", "tools/call"),
        KeyValue::new("gen_ai.operation.name", "execute_tool"),
        KeyValue::new("gen_ai.tool.name", call.tool),
        KeyValue::new("trainyard.toolset", call.toolset),
        KeyValue::new("trainyard.outcome", outcome),
    ];
    match call.door {
        "stdio" => attributes.push(KeyValue::new("network.transport", "pipe")),
        "http" => attributes.push(KeyValue::new("network.transport", "tcp")),
        _ => {}
    }
    if let Ending::Failed(kind) = call.ending {
        attributes.push(KeyValue::new("error.type", kind.as_str()));
    }
    attributes
}
