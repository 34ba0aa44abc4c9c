//! One operation under the runtime: how it is written, signed and read.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver,
            static_resolver::{StaticAuthSchemeOptionResolver, StaticAuthSchemeOptionResolverParams},
        },
        endpoint::EndpointPrefix,
        interceptors::{
            SharedInterceptor,
            context::{Error as ErasedError, Input, Output},
        },
        orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError, SensitiveOutput},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
        ser_de::{DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer},
        stalled_stream_protection::StalledStreamProtectionConfig,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Layer},
    retry::ErrorKind as RetryKind,
};
use aws_types::request_id::RequestId;
use serde_json::Value;

use crate::{
    address::{Address, Carry},
    auth::{self, Signer},
    customise::{self, Wishes},
    failure::{Failure, facts_of, shape_of},
    limit::Endless,
    once::{self, OnceOnly},
    protocol::Wire,
    service::{Loaded, Prepared},
};

/// What a call is answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) output: Value,
    pub(crate) request_id: Option<String>,
    /// The rest of the answer, where it is handed over while it arrives.
    pub(crate) body: Option<SdkBody>,
}

/// The plugin of one call.
pub(crate) fn plugin(
    loaded: &'static Loaded,
    prepared: &'static Prepared,
    address: Address,
    prefix: Option<EndpointPrefix>,
    signer: Signer,
    wishes: Wishes,
) -> StaticRuntimePlugin {
    let events = customise::event_member(loaded.service, prepared.operation.output).is_some();
    let (service, operation) = (loaded.service, prepared.operation);
    let mut layer = Layer::new("trainyard::operation");
    layer.store_put(SharedRequestSerializer::new(Writer { loaded, prepared, wishes }));
    layer.store_put(SharedResponseDeserializer::new(Reader { loaded, prepared, streams: events }));
    layer.store_put(AuthSchemeOptionResolverParams::from(StaticAuthSchemeOptionResolverParams::new()));
    layer.store_put(Metadata::new(operation.name, service.id));
    layer.store_put(auth::signing(service, operation));
    // Answers hold secrets more often than their models say; none is written to a trace.
    layer.store_put(SensitiveOutput);
    if events {
        // Between two events a service may be silent for as long as nothing happens.
        layer.store_put(StalledStreamProtectionConfig::enabled().download_enabled(false).build());
        layer.store_put(Endless);
    }
    if let Some(prefix) = prefix {
        layer.store_put(prefix);
    }
    let resolver = SharedAuthSchemeOptionResolver::new(StaticAuthSchemeOptionResolver::new(vec![signer.scheme()]));
    let mut components = RuntimeComponentsBuilder::new("trainyard::operation")
        .with_auth_scheme_option_resolver(Some(resolver))
        .with_interceptor(SharedInterceptor::permanent(Carry(address)));
    if let Signer::Session(session) = signer {
        session.settings(&mut layer);
        components = components.with_auth_scheme(session);
    }
    if !once::repeatable(service, operation) {
        components = components.with_retry_classifier(OnceOnly);
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// Hands a success over while it arrives.
pub(crate) fn streaming_reader(loaded: &'static Loaded, prepared: &'static Prepared) -> SharedResponseDeserializer {
    SharedResponseDeserializer::new(Reader { loaded, prepared, streams: true })
}

#[derive(Debug)]
struct Writer {
    loaded: &'static Loaded,
    prepared: &'static Prepared,
    wishes: Wishes,
}

impl SerializeRequest for Writer {
    fn serialize_input(&self, input: Input, cfg: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let input: Value = input.downcast().map_err(|_| "the input is no JSON value")?;
        let Loaded { service, schemas, wire, .. } = self.loaded;
        let operation = self.prepared.operation;
        let mut request = wire.request(schemas, self.prepared, &input, cfg)?;
        customise::request(service, operation, &input, self.wishes, &mut request)?;
        Ok(request)
    }
}

#[derive(Debug)]
struct Reader {
    loaded: &'static Loaded,
    prepared: &'static Prepared,
    /// A success is handed over while it arrives.
    streams: bool,
}

impl DeserializeResponse for Reader {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _cfg: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<ErasedError>>> {
        if !self.streams || !response.status().is_success() {
            return None;
        }
        let output = Wire::head(self.loaded.service, self.prepared.operation.output, response);
        let request_id = response.request_id().map(str::to_owned);
        let body = Some(std::mem::replace(response.body_mut(), SdkBody::taken()));
        Some(Ok(Output::erase(Answer { output, request_id, body })))
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        cfg: &ConfigBag,
    ) -> Result<Output, OrchestratorError<ErasedError>> {
        let Loaded { service, schemas, wire, .. } = self.loaded;
        if !response.status().is_success()
            || customise::is_error_in_disguise(service, self.prepared.operation, response)
        {
            let failure = self.failure(response, cfg);
            return Err(OrchestratorError::operation(ErasedError::erase(failure)));
        }
        customise::verify(self.prepared.operation, response)
            .map_err(|error| OrchestratorError::response(error.into()))?;
        let output = self.prepared.output.as_ref().map(|(id, schema)| (*id, schema));
        let output = wire.output(schemas, output, response, cfg).map_err(OrchestratorError::other)?;
        let request_id = response.request_id().map(str::to_owned);
        Ok(Output::erase(Answer { output, request_id, body: None }))
    }
}

impl Reader {
    fn failure(&self, response: &HttpResponse, cfg: &ConfigBag) -> Failure {
        let Loaded { service, wire, .. } = self.loaded;
        let metadata = wire.error(response, cfg);
        let shape = metadata.code().and_then(|code| shape_of(service, self.prepared.operation, code));
        let mut failure = Failure::new(metadata, shape.and_then(|id| facts_of(service, id)), response);
        if response.status().is_success() && failure.code() == "InternalError" {
            // The classifiers know by the status that a server's fault may pass; this one came under a 200.
            failure.retry = Some(RetryKind::ServerError);
        }
        failure
    }
}
