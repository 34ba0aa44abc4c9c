//! The engine: one call of any operation of any service.

use std::sync::Arc;

use aws_smithy_runtime::client::orchestrator::{StopPoint, invoke, invoke_with_stop_point};
use aws_smithy_runtime_api::client::{interceptors::context::Input, runtime_plugin::RuntimePlugins};
use aws_smithy_types::base64;
use aws_types::region::Region;
use serde::Serialize;
use serde_json::Value;
use trainyard_contract::{Error, ErrorKind, Result};

use crate::{
    address::{self, Address},
    auth::auth,
    caller::asks_who,
    catalogue::model::Auth,
    ceiling,
    customise::{self, Wishes},
    discovery,
    error::{self, Call},
    identity::{Identities, Identity},
    invoke::{self, Answer},
    listing,
    service::{self, Loaded, Prepared},
    settings::{Scope, Settings},
    stream::{self, Streams},
    validate,
    way::{self, Way, discovers},
};

/// Calls AWS. Clones are the same engine; making one does nothing.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    identities: Identities,
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The answer: an object with the operation's output members.
    pub output: Value,
    /// Id for the provider's support.
    pub request_id: Option<String>,
    /// Region that was called.
    pub region: String,
}

/// A request that was not sent.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// HTTP method.
    pub method: String,
    /// Whole address.
    pub url: String,
    /// Headers, without the signature and session token. Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as base64 where it is not text.
    pub body: String,
    /// Region that would be called.
    pub region: String,
    /// Values that the model does not list where it lists values, each with its place. The service may know them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// A call that passed every check that needs no network.
pub(crate) struct Checked {
    pub(crate) loaded: &'static Loaded,
    pub(crate) prepared: &'static Prepared,
    pub(crate) input: Value,
    /// How its bodies travel, where they are not part of input and output.
    pub(crate) streams: Option<Arc<Streams>>,
    /// Keys of the answer are escaped because we asked for that.
    escaped: bool,
}

/// A call that was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) region: String,
    /// Where it went.
    pub(crate) host: Option<String>,
}

/// A call ready to go.
struct Ready {
    plugins: RuntimePlugins,
    address: Address,
}

impl Engine {
    /// An engine that has done nothing yet: no file read, no credentials looked for, no connection opened.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, identities: Identities::new() }))
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// One call. An operation above the operator's ceiling is refused and nothing is sent.
    ///
    /// Dropping the future takes the request back.
    pub async fn call(&self, service: &str, operation: &str, input: Value, scope: &Scope) -> Result<Reply> {
        let mut checked = self.permitted(service, operation, input)?;
        self.authorise_copy(&mut checked, scope).await.map_err(|error| named(error, &checked))?;
        let answered = self.send_checked(&checked, scope).await;
        let Answered { mut answer, region, .. } =
            answered.map_err(|error| named(doubted(error, &checked), &checked))?;
        if checked.escaped {
            listing::unescape(checked.loaded.service, checked.prepared.operation, &mut answer.output);
        }
        Ok(Reply { output: answer.output, request_id: answer.request_id, region })
    }

    /// The request that [`Self::call`] would send.
    pub async fn preview(&self, service: &str, operation: &str, input: Value, scope: &Scope) -> Result<Preview> {
        let mut checked = check(service::load(service)?, operation, input)?;
        if let Some(copy) = customise::copy(checked.loaded.service, checked.prepared.operation, &mut checked.input) {
            // The call signs an address here. It is a secret, so a preview only says that it will be there.
            checked.input[copy.member] = Value::from("(signed when the call is made)");
        }
        let stopped = self.stop_before_sending(&checked, scope).await.map_err(|error| named(error, &checked))?;
        Ok(stopped.preview)
    }

    /// A sound call that the operator allows.
    pub(crate) fn permitted(&self, service: &str, operation: &str, input: Value) -> Result<Checked> {
        let loaded = service::load(service)?;
        let known = service::operation(loaded.service, operation)?;
        ceiling::check(self.0.settings.ceiling, loaded.service, known)?;
        if customise::event_member(loaded.service, known.output).is_some() {
            return Err(Error::unsupported(format!(
                "{} {operation} answers with a stream of events",
                loaded.service.name
            ))
            .operation(loaded.service.name, known.name));
        }
        check(loaded, operation, input)
    }

    /// As [`Self::permitted`], for an operation that answers with events.
    pub(crate) fn permitted_events(&self, service: &str, operation: &str, input: Value) -> Result<Checked> {
        let loaded = service::load(service)?;
        let known = service::operation(loaded.service, operation)?;
        ceiling::check(self.0.settings.ceiling, loaded.service, known)?;
        if customise::event_member(loaded.service, known.output).is_none() {
            return Err(Error::unsupported(format!("{} {operation} answers at once", loaded.service.name))
                .operation(loaded.service.name, known.name));
        }
        check(loaded, operation, input)
    }

    /// The region that a scope means.
    pub(crate) async fn region(&self, scope: &Scope) -> Result<String> {
        let identity = self.known_identity(scope).await?;
        Ok(identity.region(&self.0.settings, scope).await?.0.to_string())
    }

    /// Sends a call, if its account is one that the operator allows.
    pub(crate) async fn send_checked(&self, call: &Checked, scope: &Scope) -> Result<Answered> {
        if auth(call.loaded.service, call.prepared.operation) == Auth::Bearer {
            self.check_token(scope)?;
        } else if !asks_who(call.loaded.service.name, call.prepared.operation.name) {
            let identity = self.identity(scope).await?;
            self.check_account(&identity, scope).await?;
        }
        self.send_unasked(call, scope).await
    }

    /// Who calls in a scope.
    pub(crate) async fn identity(&self, scope: &Scope) -> Result<Arc<Identity>> {
        let identity = self.known_identity(scope).await?;
        identity.sign_in().await?;
        Ok(identity)
    }

    /// As [`Self::identity`], before anybody is asked for a code.
    pub(crate) async fn known_identity(&self, scope: &Scope) -> Result<Arc<Identity>> {
        self.0.identities.get(&self.0.settings, scope).await
    }

    /// Sends a call, whatever its account is.
    pub(crate) async fn send_unasked(&self, call: &Checked, scope: &Scope) -> Result<Answered> {
        let identity = self.identity(scope).await?;
        let result = scope.asked_by.during(Box::pin(self.send_as(call, scope, &identity))).await;
        if let Err(error) = &result
            && (error.kind() == ErrorKind::Credentials || error.code_str() == "MissingRegion")
        {
            self.0.identities.forget(identity.who()).await;
        }
        result
    }

    async fn send_as(&self, call: &Checked, scope: &Scope, identity: &Identity) -> Result<Answered> {
        let (region, _) = identity.region(&self.0.settings, scope).await?;
        match self.attempt(call, identity, &region).await {
            Ok(reply) => Ok(reply),
            Err(Refused { elsewhere: Some(elsewhere), .. }) => {
                // S3 says where a bucket really is; a caller who named only the bucket meant it wherever it is.
                self.attempt(call, identity, &Region::new(elsewhere)).await.map_err(|refused| refused.error)
            }
            Err(refused) => Err(refused.error),
        }
    }

    async fn attempt(&self, call: &Checked, identity: &Identity, region: &Region) -> Result<Answered, Refused> {
        let way = self.way(call, identity, region).await?;
        match self.attempt_by(call, identity, region, way).await {
            Err(refused) if way::stale(call, identity, region, &refused) => {
                let way = self.way(call, identity, region).await?;
                self.attempt_by(call, identity, region, way).await
            }
            answered => answered,
        }
    }

    pub(crate) async fn attempt_by(
        &self,
        call: &Checked,
        identity: &Identity,
        region: &Region,
        way: Way,
    ) -> Result<Answered, Refused> {
        let Ready { plugins, address } = self.ready(call, identity, region, way)?;
        let Checked { loaded, prepared, input, .. } = call;
        let (service, operation) = (loaded.service.id, prepared.operation.name);
        // The runtime's futures are large; on the heap they do not swell every caller's own.
        match Box::pin(invoke(service, operation, Input::erase(input.clone()), &plugins)).await {
            Ok(output) => {
                let answer: Answer = output.downcast().map_err(|_| Error::internal("an answer of an unknown kind"))?;
                let host = address.found().map(|found| found.host.clone());
                Ok(Answered { answer, region: region.to_string(), host })
            }
            Err(error) => {
                let own_address = address::endpoint_override(loaded.service, &identity.config).is_none();
                let elsewhere = error::bucket_region(&error)
                    .filter(|found| own_address && loaded.service.name == "s3" && *found != region.as_ref())
                    .map(str::to_owned);
                let context = self.context(call, identity, region.as_ref(), &address);
                let (session, discovered) = (address.session().map(str::to_owned), address.is_discovered());
                Err(Refused { error: context.error(error), elsewhere, session, discovered })
            }
        }
    }

    pub(crate) async fn stop_before_sending(&self, call: &Checked, scope: &Scope) -> Result<Stopped> {
        let identity = self.identity(scope).await?;
        let (region, _) = identity.region(&self.0.settings, scope).await?;
        let way = way::unasked(call, &identity, &region)?;
        let Ready { plugins, address } = self.ready(call, &identity, &region, way)?;
        let (service, operation) = (call.loaded.service.id, call.prepared.operation.name);
        let input = Input::erase(call.input.clone());
        let stopped =
            Box::pin(invoke_with_stop_point(service, operation, input, &plugins, StopPoint::BeforeTransmit)).await;
        let context = self.context(call, &identity, region.as_ref(), &address);
        let stopped = stopped.map_err(|error| context.error(error))?;
        let request = stopped.request().ok_or_else(|| Error::internal("no request was made"))?;
        let body = request.body().bytes().unwrap_or_default();
        let secret = ["authorization", "x-amz-security-token", "x-amz-s3session-token"];
        let mut doubts = validate::doubts(call.loaded.service, call.prepared.operation, &call.input);
        if discovers(call, &identity) {
            doubts.push(discovery::DOUBT.to_owned());
        }
        let preview = Preview {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            headers: request
                .headers()
                .iter()
                .filter(|(name, _)| !secret.contains(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::from_utf8(body.to_vec()).unwrap_or_else(|_| base64::encode(body)),
            region: region.to_string(),
            doubts,
        };
        Ok(Stopped { preview, address, identity })
    }

    fn ready(&self, call: &Checked, identity: &Identity, region: &Region, way: Way) -> Result<Ready> {
        let Checked { loaded, prepared, input, streams, .. } = call;
        let (service, operation, config) = (loaded.service, prepared.operation, &identity.config);
        let Way { address, signer } = way;
        let prefix = match service.name {
            // Its endpoint rules put the account into the host themselves.
            "s3control" => None,
            _ => address::host_prefix(service, operation, input, config)?,
        };
        let plugin = invoke::plugin(loaded, prepared, address.clone(), prefix, signer, Wishes::of(config));
        let client = identity.client(service, region, self.0.settings.max_response_bytes);
        let mut plugins = client.with_operation_plugin(plugin);
        if let Some(streams) = streams {
            plugins = plugins.with_operation_plugin(stream::plugin(loaded, prepared, streams));
        }
        Ok(Ready { plugins, address })
    }

    fn context<'c>(&self, call: &Checked, identity: &'c Identity, region: &'c str, address: &Address) -> Call<'c> {
        Call {
            loaded: call.loaded,
            prepared: call.prepared,
            region,
            identity,
            max_response_bytes: self.0.settings.max_response_bytes,
            host: address.found().map(|found| found.host.clone()),
            attempts: address.attempts(),
        }
    }
}

/// A call that was stopped before it was sent.
pub(crate) struct Stopped {
    pub(crate) preview: Preview,
    pub(crate) address: Address,
    pub(crate) identity: Arc<Identity>,
}

/// A call that failed, and the region that it belongs to, if S3 said so.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: Error,
    elsewhere: Option<String>,
    /// The directory bucket whose session signed the call.
    pub(crate) session: Option<String>,
    /// The service handed the address out.
    pub(crate) discovered: bool,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, elsewhere: None, session: None, discovered: false }
    }
}

pub(crate) fn check(loaded: &'static Loaded, operation: &str, mut input: Value) -> Result<Checked> {
    let prepared = loaded.operation(operation)?;
    if input.is_null() {
        input = Value::Object(serde_json::Map::new());
    }
    customise::supported(loaded.service, prepared.operation)?;
    customise::input(loaded.service, prepared.operation, &mut input);
    validate::input(loaded.service, prepared.operation, &input)?;
    let escaped = listing::ask(loaded.service, prepared.operation, &mut input);
    Ok(Checked { loaded, prepared, input, streams: None, escaped })
}

/// What the service found wrong may be what the model does not know either.
fn doubted(error: Error, call: &Checked) -> Error {
    if error.kind() != ErrorKind::Validation || error.hint_str().is_some() {
        return error;
    }
    match validate::doubts(call.loaded.service, call.prepared.operation, &call.input).first() {
        Some(doubt) => error.hint(doubt.clone()),
        None => error,
    }
}

/// The error with the name of the call.
pub(crate) fn named(error: Error, call: &Checked) -> Error {
    error.operation(call.loaded.service.name, call.prepared.operation.name)
}
