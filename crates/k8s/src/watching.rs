//! Watches: what happens to objects, as it happens.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use trainyard_contract::{Error, ErrorKind, Result};

use crate::{
    engine::Engine, error, request::Request, resource::Resource, secret, selection::Selection, settings::Cluster,
};

/// Longest event that is read, in bytes. Objects in Kubernetes are smaller than two million.
const LONGEST: usize = 8 * 1024 * 1024;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEvent {
    /// An object is there now.
    Added(Value),
    /// It has changed.
    Modified(Value),
    /// It is gone; this is how it last was.
    Deleted(Value),
}

/// Events, one by one. Dropping it ends the watch.
pub struct Watch {
    body: Body,
    buffer: Vec<u8>,
    secret: bool,
}

impl Watch {
    pub(crate) async fn open(
        engine: &Engine,
        cluster: &Cluster,
        resource: &Resource,
        selection: &Selection,
        resource_version: &str,
        most: Duration,
    ) -> Result<Self> {
        let request = Request::new("watch", resource, selection.namespace.as_deref(), None, None)?
            .ask("watch", "true")
            .ask("timeoutSeconds", most.as_secs().max(1).to_string())
            .ask_some("resourceVersion", (!resource_version.is_empty()).then_some(resource_version));
        let selection = Selection { limit: None, next: None, ..selection.clone() };
        let response = engine.stream(cluster, &selection.ask(request)).await?;
        Ok(Self { body: response.into_body(), buffer: Vec::new(), secret: resource.is_secret() })
    }

    /// The next event; none when the server has ended the watch.
    pub async fn next(&mut self) -> Result<Option<WatchEvent>> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if let Some(event) = self.read(&line)? {
                    return Ok(Some(event));
                }
            }
            if self.buffer.len() > LONGEST {
                return Err(Error::internal("an event of the watch is larger than any object can be"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(failed)) => {
                    return Err(Error::new(ErrorKind::Network, format!("the watch broke off: {failed}")));
                }
                None => return Ok(None),
            }
        }
    }

    fn read(&self, line: &[u8]) -> Result<Option<WatchEvent>> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let wrong = |failed: serde_json::Error| Error::internal(format!("an event of the watch is no JSON: {failed}"));
        let mut event: Value = serde_json::from_slice(line).map_err(wrong)?;
        secret::clean(&mut event, self.secret, false);
        let mut object = event["object"].take();
        if self.secret {
            secret::withhold(&mut object);
        }
        match event["type"].as_str() {
            Some("ADDED") => Ok(Some(WatchEvent::Added(object))),
            Some("MODIFIED") => Ok(Some(WatchEvent::Modified(object))),
            Some("DELETED") => Ok(Some(WatchEvent::Deleted(object))),
            Some("ERROR") => {
                let code = object["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
                let status = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
                let body = object.to_string();
                Err(error::of_answer(&Request::at("watch"), status, &http::HeaderMap::new(), body.as_bytes()))
            }
            _ => Ok(None),
        }
    }
}
