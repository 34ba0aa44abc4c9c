//! Answers that come as a stream of events: live tails, streamed responses of functions and models, S3 Select.

mod decode;

use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use trainyard_contract::{Error, ErrorKind, Result};

use self::decode::Decoder;
use crate::{
    engine::{Answered, Engine, named},
    service::{Loaded, Prepared},
    settings::Scope,
};

/// Events, one at a time. Nothing is read from the connection until one is asked for, so who is slow slows the service
/// down; dropping the stream ends it. One event is held at a time, of at most [`max_response_bytes`] bytes.
///
/// [`max_response_bytes`]: crate::Settings::max_response_bytes
#[derive(Debug)]
pub struct EventStream {
    /// What the answer says beside its events.
    pub output: Value,
    /// Id for the provider's support.
    pub request_id: Option<String>,
    /// Region that was called.
    pub region: String,
    host: String,
    body: Option<SdkBody>,
    /// What arrived and is no whole event yet.
    buffer: Vec<u8>,
    decoder: Decoder,
    max_bytes: usize,
}

impl Engine {
    /// Calls an operation that answers with events. The attempts and timeouts of a call count until the first byte of the
    /// answer; after that, a service may take as long as it likes between two events, and waiting ends when the caller
    /// stops. A stream that breaks off is not begun again.
    ///
    /// Operations that *take* events are refused.
    pub async fn events(&self, service: &str, operation: &str, input: Value, scope: &Scope) -> Result<EventStream> {
        let call = self.permitted_events(service, operation, input)?;
        let Answered { answer, region, host } =
            self.send_checked(&call, scope).await.map_err(|error| named(error, &call))?;
        let body = answer.body.ok_or_else(|| named(Error::internal("the answer is no stream"), &call))?;
        let mut stream = EventStream::new(call.loaded, call.prepared, body, self.settings().max_response_bytes)?;
        (stream.output, stream.request_id, stream.region) = (answer.output, answer.request_id, region);
        if let Some(host) = host {
            stream.host = host;
        }
        Ok(stream)
    }
}

impl EventStream {
    /// The events in a body.
    pub(crate) fn new(
        loaded: &'static Loaded,
        prepared: &'static Prepared,
        body: SdkBody,
        max_bytes: usize,
    ) -> Result<Self> {
        Ok(Self {
            output: Value::Object(Map::new()),
            request_id: None,
            region: String::new(),
            host: "the endpoint".to_owned(),
            body: Some(body),
            buffer: Vec::new(),
            decoder: Decoder::new(loaded, prepared)?,
            max_bytes,
        })
    }

    /// The next event as an object with one member, the kind of event: `{"chunk": {…}}`. `None` after the last. An error
    /// is the last there is. Events of kinds that this catalogue does not know are passed over.
    pub async fn next(&mut self) -> Option<Result<Value>> {
        let next = self.try_next().await.transpose()?;
        if next.is_err() {
            self.body = None;
            self.buffer.clear();
        }
        Some(next.map_err(|error| self.decoder.named(error)))
    }

    async fn try_next(&mut self) -> Result<Option<Value>> {
        loop {
            while let Some(message) = decode::take(&mut self.buffer, self.max_bytes)? {
                if let Some(event) = self.decoder.event(&message, &mut self.output)? {
                    return Ok(Some(event));
                }
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            match body.frame().await {
                Some(Ok(frame)) => self.buffer.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => {
                    let reason = crate::error::deepest(error.as_ref());
                    return Err(self.broken(&reason));
                }
                None if self.buffer.is_empty() => {
                    self.body = None;
                    return Ok(None);
                }
                None => return Err(self.broken("it ended in the middle of an event")),
            }
        }
    }

    fn broken(&self, reason: &str) -> Error {
        Error::new(ErrorKind::Network, format!("the events of {} broke off: {reason}", self.host))
            .code("ConnectionBroken")
            .region(&self.region)
    }
}
