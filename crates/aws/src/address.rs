//! The address of one call: what it answers to its service's endpoint rules, and how those rules speak to the runtime.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::{
    endpoint::{EndpointFuture, EndpointPrefix, EndpointResolverParams, ResolveEndpoint},
    identity::Identity as SmithyIdentity,
    interceptors::{
        Intercept,
        context::{BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
        dyn_dispatch_hint,
    },
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{Document, config_bag::ConfigBag, endpoint::Endpoint};
use aws_types::{SdkConfig, endpoint_config::AccountIdEndpointMode, service_config::ServiceConfigKey};
use serde_json::Value;
use trainyard_contract::{Error, Result};

use crate::{
    auth::{auth, express},
    catalogue::model::{Auth, Operation, Service},
    customise,
    endpoint::{self, AuthScheme, Parameter, Parameters, rules::Scheme},
    project,
};

const ACCOUNT: &str = "AWS::Auth::AccountId";

/// What one call answers to the rules, and where the answer leads once it is known.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    service: &'static Service<'static>,
    parameters: Parameters<'static>,
    auth: Auth,
    /// The directory bucket whose session signs the call.
    session: Option<String>,
    /// The address that the service handed out.
    discovered: Option<String>,
    found: Arc<OnceLock<Found>>,
    attempts: Arc<AtomicU32>,
}

/// Where the answers led.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) host: String,
    /// Service and region of the signature, where the rules say other than the usual.
    pub(crate) signing: (Option<String>, Option<String>),
}

impl Address {
    /// The answers of one call.
    pub(crate) fn new(
        service: &'static Service<'static>,
        operation: &'static Operation<'static>,
        input: &Value,
        region: &str,
        config: &SdkConfig,
    ) -> Result<Self> {
        let mut parameters = Parameters::new();
        let over = match customise::own_address(service, operation, input)? {
            Some(address) => Some(address),
            None => endpoint_override(service, config),
        };
        for parameter in &service.rules.parameters {
            if let Some(value) = parameter.built_in.and_then(|name| built_in(name, region, config, over.as_deref())) {
                parameters.set(parameter.name, value);
            }
        }
        from_members(service, operation, input, &mut parameters);
        for (name, expression) in &operation.operation_context {
            if let Some(value) = from_json(&project::project(expression, input)?) {
                parameters.set(name, value);
            }
        }
        for (name, value) in &operation.static_context {
            parameters.set(name, value);
        }
        if service.name == "s3" && operation.name == "GetBucketLocation" {
            // The one question that is asked of a bucket before its region is known.
            parameters.set("ForcePathStyle", true);
        }
        let auth = auth(service, operation);
        let (session, discovered) = (session(service, &parameters, input), None);
        let (found, attempts) = (Arc::default(), Arc::default());
        Ok(Self { service, parameters, auth, session, discovered, found, attempts })
    }

    /// The directory bucket whose session signs the call, where one does.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Sends the call where the service said, whatever the rules say.
    pub(crate) fn discovered(&mut self, url: String) {
        self.discovered = Some(url);
    }

    /// Whether the service handed the address out.
    pub(crate) fn is_discovered(&self) -> bool {
        self.discovered.is_some()
    }

    /// Where the call went, once that was resolved.
    pub(crate) fn found(&self) -> Option<&Found> {
        self.found.get()
    }

    /// How often the call was tried.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    fn resolve(&self, account: Option<&str>) -> Result<Endpoint> {
        let mut parameters = self.parameters.clone();
        let asks_account = self.service.rules.parameters.iter().find(|known| known.built_in == Some(ACCOUNT));
        if let (Some(parameter), Some(account)) = (asks_account, account) {
            parameters.set(parameter.name, account.to_owned());
        }
        let mut found = endpoint::resolve(&self.service.rules, &parameters)?;
        if let Some(url) = &self.discovered {
            found.url.clone_from(url);
        }
        let host = found.url.split_once("://").map_or(found.url.as_str(), |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default().to_owned();
        if self.auth == Auth::Bearer && !found.url.starts_with("https://") && !is_loopback(&host) {
            return Err(Error::validation(format!("a bearer token would go to {host} in plain text"))
                .code("InsecureEndpoint")
                .hint("use an https address"));
        }
        let scheme = found.auth_schemes.iter().find(|scheme| scheme.scheme == Scheme::SigV4);
        let scope = scheme.map(|scheme| (scheme.signing_name.clone(), scheme.signing_region.clone()));
        // A retry resolves again, to the same place.
        self.found.get_or_init(|| Found { host, signing: scope.unwrap_or_default() });
        let mut endpoint = Endpoint::builder().url(found.url);
        for (name, values) in found.headers {
            for value in values {
                endpoint = endpoint.header(name.clone(), value);
            }
        }
        // The rules know nothing of these two.
        if !matches!(self.auth, Auth::SigV2 | Auth::Bearer)
            && let Some(schemes) = signing(&found.auth_schemes)?
        {
            endpoint = endpoint.property("authSchemes", schemes);
        }
        Ok(endpoint.build())
    }
}

/// Part of the host name that the operation itself asks for.
pub(crate) fn host_prefix(
    service: &Service<'_>,
    operation: &Operation<'_>,
    input: &Value,
    config: &SdkConfig,
) -> Result<Option<EndpointPrefix>> {
    let Some(template) = operation.host_prefix else { return Ok(None) };
    // Nothing answers to `data-127.0.0.1`.
    if endpoint_override(service, config).is_some_and(|url| is_local(&url)) {
        return Ok(None);
    }
    let mut prefix = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (label, after) = after.split_once('}').unwrap_or((after, ""));
        let value = input.get(label).and_then(Value::as_str).unwrap_or_default();
        let sound = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if value.is_empty() || value.len() > 63 || !sound {
            return Err(Error::validation(format!("{label}: becomes part of a host name, which {value:?} cannot")));
        }
        prefix.push_str(before);
        prefix.push_str(value);
        rest = after;
    }
    prefix.push_str(rest);
    EndpointPrefix::new(prefix).map(Some).map_err(|error| Error::validation(error.to_string()))
}

/// The address that the environment or the profile sets for this service, if any.
pub(crate) fn endpoint_override(service: &Service<'_>, config: &SdkConfig) -> Option<String> {
    let general = || config.endpoint_url().map(str::to_owned);
    // Aside from addresses given to us outright, the one for this service goes before the one for all.
    if config.get_origin("endpoint_url").is_client_config() {
        return general();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service.id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config().and_then(|settings| settings.load_config(key)).or_else(general)
}

/// Whether the address is one that has no names below it.
fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == "localhost" || host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether a host with its port is this machine.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn built_in(name: &str, region: &str, config: &SdkConfig, over: Option<&str>) -> Option<Parameter<'static>> {
    match name {
        "AWS::Region" => Some(region.to_owned().into()),
        "AWS::UseFIPS" => config.use_fips().map(Into::into),
        "AWS::UseDualStack" => config.use_dual_stack().map(Into::into),
        "SDK::Endpoint" => over.map(|url| url.to_owned().into()),
        // Servers other than S3 itself rarely answer to `bucket.host`.
        "AWS::S3::ForcePathStyle" => over.map(|url| (!url.contains(".amazonaws.")).into()),
        "AWS::Auth::AccountIdEndpointMode" => {
            Some(config.account_id_endpoint_mode().unwrap_or(&AccountIdEndpointMode::Preferred).to_string().into())
        }
        // The rest are switches for behaviour of old, whose defaults the rules state.
        _ => None,
    }
}

fn from_members(
    service: &'static Service<'static>,
    operation: &Operation<'_>,
    input: &Value,
    parameters: &mut Parameters<'static>,
) {
    let Some(structure) = operation.input.and_then(|id| service.structure(id)) else { return };
    for member in &structure.members {
        if let (Some(name), Some(value)) = (member.context_param, input.get(member.name).and_then(from_json)) {
            parameters.set(name, value);
        }
    }
}

fn from_json(value: &Value) -> Option<Parameter<'static>> {
    match value {
        Value::Bool(truth) => Some((*truth).into()),
        Value::String(text) => Some(text.clone().into()),
        Value::Array(items) => {
            Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>().into())
        }
        _ => None,
    }
}

/// The directory bucket that a call is for, where the rules want a session of it.
fn session(service: &Service<'_>, parameters: &Parameters<'_>, input: &Value) -> Option<String> {
    let bucket = input["Bucket"].as_str().filter(|_| service.name == "s3")?;
    // By their names alone; the rules decide.
    if !bucket.ends_with("--x-s3") && !bucket.ends_with("--xa-s3") {
        return None;
    }
    let found = endpoint::resolve(&service.rules, parameters).ok()?;
    (found.auth_schemes.first()?.scheme == Scheme::S3Express).then(|| bucket.to_owned())
}

/// What the runtime calls a scheme that is spoken here.
fn scheme_name(scheme: Scheme) -> Option<&'static str> {
    match scheme {
        Scheme::SigV4 => Some("sigv4"),
        Scheme::S3Express => Some(express::NAME),
        Scheme::SigV4a => None,
    }
}

/// What the rules say about signing, as the runtime reads it.
fn signing(schemes: &[AuthScheme]) -> Result<Option<Vec<Document>>> {
    if schemes.is_empty() {
        return Ok(None);
    }
    let Some((scheme, name)) = schemes.iter().find_map(|scheme| Some((scheme, scheme_name(scheme.scheme)?))) else {
        return Err(Error::unsupported(
            "this address takes only signatures of version 4A, which are not supported here",
        ));
    };
    let mut properties = vec![("name".to_owned(), Document::from(name.to_owned()))];
    if let Some(name) = &scheme.signing_name {
        properties.push(("signingName".to_owned(), Document::from(name.clone())));
    }
    if let Some(region) = &scheme.signing_region {
        properties.push(("signingRegion".to_owned(), Document::from(region.clone())));
    }
    if scheme.disable_double_encoding {
        properties.push(("disableDoubleEncoding".to_owned(), Document::from(true)));
    }
    Ok(Some(vec![Document::Object(properties.into_iter().collect())]))
}

/// Resolves the address that the call carries.
#[derive(Debug)]
pub(crate) struct ByRules;

impl ResolveEndpoint for ByRules {
    fn resolve_endpoint<'a>(&'a self, params: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        let credentials = params.get_property::<SmithyIdentity>().and_then(SmithyIdentity::data::<Credentials>);
        let account = credentials.and_then(Credentials::account_id).map(|account| account.as_str().to_owned());
        EndpointFuture::ready(match params.get::<Address>() {
            Some(address) => address.resolve(account.as_deref()).map_err(Into::into),
            None => Err("the call carries no address".into()),
        })
    }
}

/// Hands the call's answers to the runtime. It belongs to the operation: what belongs to the client runs before the
/// operation's own settings exist.
#[derive(Debug)]
pub(crate) struct Carry(pub(crate) Address);

#[dyn_dispatch_hint]
impl Intercept for Carry {
    fn name(&self) -> &'static str {
        "Address"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        cfg.interceptor_state().store_put(EndpointResolverParams::new(self.0.clone()));
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_take_no_prefix() {
        for local in ["http://127.0.0.1:5000", "http://localhost:5000/x", "http://[::1]:80", "http://10.0.0.1"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["https://vpce-1.ec2.example.com", "https://sqs.example.com:443"] {
            assert!(!is_local(other), "{other}");
        }
    }
}
