//! Requests and answers of a service without a network: what published test suites drive.

use std::convert::Infallible;

use aws_smithy_runtime_api::{
    client::orchestrator::Metadata,
    http::{Request, Response, StatusCode},
};
use aws_smithy_schema::protocol::{ServiceShapeName, ServiceVersion};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Layer},
    error::metadata::ProvideErrorMetadata,
};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::Value;
use trainyard_contract::{Error, Result};

pub use crate::validate::check_output;
use crate::{
    catalogue::model::Service,
    customise::{self, Wishes},
    events::EventStream,
    failure::{Failure, shape_of},
    service::{Loaded, Prepared},
    settings::Settings,
};

/// A request or an answer on the wire.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// HTTP method of a request.
    pub method: String,
    /// Path and query of a request.
    pub uri: String,
    /// Status of an answer.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// The operation's output.
    Output(Value),
    /// The service refused.
    Refusal {
        /// Its code.
        code: String,
        /// Its text.
        message: Option<String>,
        /// Members of the modelled error.
        detail: Option<Value>,
    },
}

/// One service, for whoever has the messages already.
#[derive(Debug)]
pub struct Offline(&'static Loaded);

impl Offline {
    /// Schemas borrow from what this keeps, so it is never dropped: for tests, and tools that end.
    pub fn new(service: &'static Service<'static>) -> Self {
        Self(Box::leak(Box::new(Loaded::new(service))))
    }

    /// The request of an operation, without address and signature: tokens filled in, the body compressed and summed
    /// where the model asks for it.
    pub fn request(&self, operation: &str, mut input: Value) -> Result<Message> {
        let prepared = self.0.operation(operation)?;
        let Loaded { service, schemas, wire, .. } = self.0;
        let cfg = self.settings(prepared);
        customise::input(service, prepared.operation, &mut input);
        let mut request =
            wire.request(schemas, prepared, &input, &cfg).map_err(|error| Error::validation(error.to_string()))?;
        customise::request(service, prepared.operation, &input, Wishes::default(), &mut request)?;
        Ok(message(&request))
    }

    /// What an answer to an operation means.
    pub fn answer(&self, operation: &str, answer: &Message) -> Result<Meaning> {
        let prepared = self.0.operation(operation)?;
        let Loaded { service, schemas, wire, .. } = self.0;
        let cfg = self.settings(prepared);
        let response = response(answer)?;
        if response.status().is_success() {
            let output = prepared.output.as_ref().map(|(id, schema)| (*id, schema));
            let output = wire.output(schemas, output, &response, &cfg);
            return output.map(Meaning::Output).map_err(|error| Error::internal(error.to_string()));
        }
        let metadata = wire.error(&response, &cfg);
        let shape = metadata.code().and_then(|code| shape_of(service, prepared.operation, code));
        let detail = shape.and_then(|id| wire.error_detail(schemas, (id, schemas.error(id)), &response, &cfg).ok());
        let failure = Failure::new(metadata, None, &response);
        let message = ProvideErrorMetadata::message(&failure).map(str::to_owned);
        Ok(Meaning::Refusal { code: failure.code().to_owned(), message, detail })
    }

    /// The events in the body of an answer, which arrives in these pieces.
    pub fn events(&self, operation: &str, pieces: Vec<Vec<u8>>) -> Result<EventStream> {
        let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
        let body = SdkBody::from_body_1_x(StreamBody::new(futures::stream::iter(frames)));
        EventStream::new(self.0, self.0.operation(operation)?, body, Settings::default().max_response_bytes)
    }

    fn settings(&self, prepared: &Prepared) -> ConfigBag {
        let service = self.0.service;
        let mut layer = Layer::new("offline");
        layer.store_put(Metadata::new(prepared.operation.name, service.id));
        layer.store_put(ServiceShapeName::new(service.target_prefix.unwrap_or(service.id)));
        layer.store_put(ServiceVersion::new(service.api_version));
        ConfigBag::of_layers(vec![layer])
    }
}

fn message(request: &Request) -> Message {
    Message {
        method: request.method().to_owned(),
        uri: request.uri().to_owned(),
        status: 0,
        headers: request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: request.body().bytes().unwrap_or_default().to_vec(),
    }
}

fn response(message: &Message) -> Result<Response> {
    let status = StatusCode::try_from(message.status).map_err(|error| Error::validation(error.to_string()))?;
    let mut response = Response::new(status, SdkBody::from(message.body.clone()));
    for (name, value) in &message.headers {
        response
            .headers_mut()
            .try_append(name.clone(), value.clone())
            .map_err(|error| Error::validation(error.to_string()))?;
    }
    Ok(response)
}
