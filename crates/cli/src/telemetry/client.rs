//! The HTTP client of the exporters, on a runtime of its own: they send from threads of theirs.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{runtime::Runtime, time::timeout};
use trainyard_contract::{Error, Result};

/// Longest time for one batch, so that the end of the process is not held up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer of a collector.
const LARGEST: usize = 1 << 20;

pub(super) struct Client {
    runtime: Runtime,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    pub(super) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("no runtime for traces and metrics: {error}")))?;
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| Error::internal(format!("no root certificates for traces and metrics: {error}")))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { runtime, pool: Pool::builder(TokioExecutor::new()).build(connector) })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        self.runtime.block_on(async {
            let answer = async {
                let (head, body) = self.pool.request(request.map(Full::new)).await?.into_parts();
                let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
                Ok(Response::from_parts(head, body))
            };
            timeout(PATIENCE, answer).await?
        })
    }
}
