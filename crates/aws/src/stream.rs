//! Calls whose body is a piece of a file, and answers that are handed over while they arrive.
//!
//! Nothing of either is ever held whole in memory.

use std::{fs::File, io, sync::Arc, time::Duration};

use aws_sigv4::http_request::SignableBody;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, SharedInterceptor, context::BeforeTransmitInterceptorContextMut, dyn_dispatch_hint},
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Layer},
    timeout::TimeoutConfig,
};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::task::spawn_blocking;

use crate::{
    auth, invoke,
    limit::Endless,
    service::{Loaded, Prepared},
    transfer::disk,
};

/// Read from a file at a time: enough that reading costs little, little enough that many may be under way.
pub(crate) const CHUNK: usize = 256 * 1024;

/// How the two bodies of one call travel.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    /// What is sent, where it is not in the input.
    pub(crate) body: Option<Body>,
    /// Whether a success is handed over unread.
    pub(crate) answer: bool,
    /// How long an attempt may take until its answer begins.
    pub(crate) attempt: Duration,
    /// How long a connection may take to open: as for every other call, so that connections are shared.
    pub(crate) connect: Duration,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Part of a file, read while it is sent.
    Piece {
        /// The file.
        file: Arc<File>,
        /// Where the part begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
}

impl Body {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Piece { length, .. } => *length,
        }
    }

    /// A body that can be sent again.
    fn open(&self) -> SdkBody {
        match self.clone() {
            Self::Bytes(bytes) => SdkBody::from(bytes),
            Self::Piece { file, offset, length } => SdkBody::retryable(move || {
                let place = (Arc::clone(&file), offset, offset + length);
                SdkBody::from_body_1_x(StreamBody::new(futures::stream::try_unfold(place, next)))
            }),
        }
    }
}

type Place = (Arc<File>, u64, u64);

/// The next chunk of a file.
async fn next((file, at, end): Place) -> io::Result<Option<(Frame<Bytes>, Place)>> {
    if at >= end {
        return Ok(None);
    }
    let length = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
    let reading = Arc::clone(&file);
    let chunk = spawn_blocking(move || {
        let mut chunk = vec![0; length];
        disk::read_at(&reading, &mut chunk, at)?;
        io::Result::Ok(chunk)
    });
    let chunk = chunk.await.map_err(io::Error::other)??;
    Ok(Some((Frame::data(Bytes::from(chunk)), (file, at + length as u64, end))))
}

/// What makes a call one with streams. It goes on top of the call's own plugin.
pub(crate) fn plugin(
    loaded: &'static Loaded,
    prepared: &'static Prepared,
    streams: &Arc<Streams>,
) -> StaticRuntimePlugin {
    let mut layer = Layer::new("trainyard::stream");
    let timeouts = TimeoutConfig::builder().connect_timeout(streams.connect).operation_attempt_timeout(streams.attempt);
    layer.store_put(timeouts.build());
    // The signature covers the checksum's header; hashing the body besides would read it once more.
    let mut signing = auth::signing(loaded.service, prepared.operation);
    signing.signing_options.payload_override = Some(SignableBody::UnsignedPayload);
    layer.store_put(signing);
    if streams.answer {
        layer.store_put(invoke::streaming_reader(loaded, prepared));
        layer.store_put(Endless);
    }
    let components = RuntimeComponentsBuilder::new("trainyard::stream")
        .with_interceptor(SharedInterceptor::permanent(PutBody(Arc::clone(streams))));
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// Puts the body into the request, before there is a first attempt.
#[derive(Debug)]
struct PutBody(Arc<Streams>);

#[dyn_dispatch_hint]
impl Intercept for PutBody {
    fn name(&self) -> &'static str {
        "PutBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = &self.0.body {
            let request = context.request_mut();
            request.headers_mut().insert("content-length", body.length().to_string());
            *request.body_mut() = body.open();
        }
        Ok(())
    }
}
