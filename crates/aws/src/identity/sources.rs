//! Where an identity comes from: files, environment, roles; and the connection that all of them share.

use aws_config::{
    BehaviorVersion, ConfigLoader, SdkConfig,
    default_provider::credentials::DefaultCredentialsChain,
    environment::EnvironmentVariableRegionProvider,
    imds,
    meta::region::ProvideRegion,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    sts::AssumeRoleProvider,
};
use aws_credential_types::{Credentials, Token, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{app_name::AppName, region::Region};
use trainyard_contract::{Error, Result};

use crate::settings::{Role, Settings, StaticToken};

/// The credentials of a role, fetched by an identity that may take it on.
pub(super) async fn assumed(role: &Role, base: SharedCredentialsProvider, config: &SdkConfig) -> AssumeRoleProvider {
    let mut builder = AssumeRoleProvider::builder(&role.arn).configure(config);
    if let Some(id) = &role.external_id {
        builder = builder.external_id(id);
    }
    if let Some(name) = &role.session_name {
        builder = builder.session_name(name);
    }
    if !role.tags.is_empty() {
        builder = builder.tags(role.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }
    builder.build_from_provider(base).await
}

pub(super) fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

pub(super) async fn configured_region(settings: &Settings, profile: Option<&str>) -> Option<(Region, &'static str)> {
    if let Some(region) = &settings.region {
        return Some((Region::new(region.clone()), "the server's settings"));
    }
    if let Some(region) = EnvironmentVariableRegionProvider::new().region().await {
        return Some((region, "AWS_REGION or AWS_DEFAULT_REGION"));
    }
    let mut from_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        from_profile = from_profile.profile_name(profile);
    }
    from_profile.build().region().await.map(|region| (region, "the profile"))
}

/// A profile that was asked for by name goes before keys in the environment, as in AWS's own command line: who names
/// a profile means that account.
pub(super) async fn credentials(
    settings: &Settings,
    profile: Option<&str>,
    region: Option<Region>,
    providers: &ProviderConfig,
    metadata: &imds::Client,
) -> SharedCredentialsProvider {
    if let Some(given) = &settings.credentials {
        return SharedCredentialsProvider::new(Credentials::new(
            given.access_key_id.clone(),
            given.secret_access_key.clone(),
            given.session_token.clone(),
            None,
            "settings",
        ));
    }
    match profile {
        Some(profile) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder().profile_name(profile).configure(providers).build(),
        ),
        None => SharedCredentialsProvider::new(
            DefaultCredentialsChain::builder()
                .region(region)
                .imds_client(metadata.clone())
                .configure(providers.clone())
                .build()
                .await,
        ),
    }
}

pub(super) fn loader(settings: &Settings, profile: Option<&str>, http: SharedHttpClient) -> Result<ConfigLoader> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .operation_timeout(settings.operation_timeout)
        .build();
    let app_name = AppName::new(settings.user_agent)
        .map_err(|_| Error::internal(format!("{:?} is not an application name", settings.user_agent)))?;
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts).app_name(app_name);
    if let Some(attempts) = settings.max_attempts {
        loader = loader.retry_config(RetryConfig::standard().with_max_attempts(attempts.max(1)));
    }
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(StaticToken(token)) = &settings.token {
        loader = loader.token_provider(Token::new(token.clone(), None));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    Ok(loader)
}
