//! Compression of request bodies, for the operations whose models ask for it (`PutMetricData`).

use std::io::Write as _;

use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use flate2::{Compression as Level, write::GzEncoder};
use trainyard_contract::{Error, Result};

use crate::catalogue::model::Operation;

/// Whether and from which size on bodies are compressed, as the environment and the profile have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compression {
    /// Never.
    pub(crate) disabled: bool,
    /// Smallest body that is compressed, in bytes.
    pub(crate) from: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self { disabled: false, from: 10_240 }
    }
}

impl Compression {
    pub(crate) fn of(config: &SdkConfig) -> Self {
        let usual = Self::default();
        let from = config.request_min_compression_size_bytes().and_then(|bytes| usize::try_from(bytes).ok());
        Self {
            disabled: config.disable_request_compression().unwrap_or(usual.disabled),
            from: from.unwrap_or(usual.from),
        }
    }
}

/// Compresses the body where its operation takes that and it is worth it.
pub(crate) fn request(operation: &Operation<'_>, rules: Compression, request: &mut Request) -> Result<()> {
    if !operation.gzip || rules.disabled {
        return Ok(());
    }
    let Some(plain) = request.body().bytes().filter(|body| body.len() >= rules.from) else { return Ok(()) };
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Level::default());
    let packed = encoder.write_all(plain).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| Error::internal(format!("could not compress the body: {error}")))?;
    let encoding = match request.headers().get("content-encoding") {
        // Encodings are named in the order in which they were applied.
        Some(given) if !given.is_empty() => format!("{given}, gzip"),
        _ => "gzip".to_owned(),
    };
    request.headers_mut().insert("content-encoding", encoding);
    if request.headers().contains_key("content-length") {
        request.headers_mut().insert("content-length", packed.len().to_string());
    }
    *request.body_mut() = SdkBody::from(packed);
    Ok(())
}
