//! The runtime of one service in one region for one identity: the parts that AWS's generated clients are made of.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::{
    invocation_id::InvocationIdInterceptor,
    recursion_detection::RecursionDetectionInterceptor,
    request_info::RequestInfoInterceptor,
    retries::classifiers::AwsErrorCodeClassifier,
    service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor},
    user_agent::{ApiMetadata, UserAgentInterceptor},
};
use aws_smithy_runtime::client::{
    auth::no_auth::NoAuthRuntimePluginV2,
    defaults::{DefaultPluginParams, default_plugins},
    http::connection_poisoning::ConnectionPoisoningInterceptor,
    orchestrator::AuthSchemeAndEndpointOrchestrationV2,
    retries::classifiers::{HttpStatusCodeClassifier, ModeledAsRetryableClassifier, TransientErrorClassifier},
    stalled_stream_protection::StalledStreamProtectionInterceptor,
};
use aws_smithy_runtime_api::client::{
    endpoint::SharedEndpointResolver,
    interceptors::SharedInterceptor,
    runtime_components::RuntimeComponentsBuilder,
    runtime_plugin::{Order, RuntimePlugins, StaticRuntimePlugin},
};
use aws_smithy_schema::protocol::{ServiceShapeName, ServiceVersion};
use aws_smithy_types::config_bag::Layer;
use aws_types::{
    SigningName,
    region::{Region, SigningRegion},
};

use crate::{
    address::ByRules,
    asked_by::SayWho,
    auth,
    catalogue::model::Service,
    failure::Failure,
    limit::{NeverTwice, ResponseLimit},
    retry_after::WhenAsked,
};

/// The plugins of one client. Connections, credentials and retry budgets are shared by all that are made from the same
/// configuration.
pub(crate) fn plugins(
    service: &'static Service<'static>,
    region: &Region,
    config: &SdkConfig,
    max_response_bytes: usize,
) -> RuntimePlugins {
    let defaults = DefaultPluginParams::new()
        .with_retry_partition_name(format!("{}-{region}", service.name))
        .with_behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::latest))
        .with_is_aws_sdk(true);
    RuntimePlugins::new()
        .with_client_plugins(default_plugins(defaults))
        .with_client_plugin(
            StaticRuntimePlugin::new()
                .with_config(settings(service, region, config).freeze())
                .with_runtime_components(components(config)),
        )
        .with_client_plugin(
            StaticRuntimePlugin::new()
                .with_order(Order::Defaults)
                .with_runtime_components(service_components(max_response_bytes)),
        )
        .with_client_plugin(NoAuthRuntimePluginV2::new())
}

fn settings(service: &'static Service<'static>, region: &Region, config: &SdkConfig) -> Layer {
    let mut layer = Layer::new("trainyard::service");
    layer.store_put(ApiMetadata::new(service.id, service.api_version));
    layer.store_put(SigningName::from(service.signing_name.to_owned()));
    layer.store_put(region.clone());
    layer.store_put(SigningRegion::from(region.clone()));
    layer.store_put(ServiceShapeName::new(service.target_prefix.unwrap_or(service.id)));
    layer.store_put(ServiceVersion::new(service.api_version));
    layer.store_put(AuthSchemeAndEndpointOrchestrationV2);
    layer.store_or_unset(config.retry_config().cloned());
    layer.store_or_unset(config.timeout_config().cloned());
    layer.store_or_unset(config.app_name().cloned());
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    layer
}

fn components(config: &SdkConfig) -> RuntimeComponentsBuilder {
    let mut components = RuntimeComponentsBuilder::new("trainyard::config")
        .with_http_client(config.http_client())
        .with_sleep_impl(config.sleep_impl())
        .with_time_source(Some(config.time_source().unwrap_or_default()));
    if let Some(cache) = config.identity_cache() {
        components.set_identity_cache(Some(cache));
    }
    auth::schemes(components, config)
}

fn service_components(max_response_bytes: usize) -> RuntimeComponentsBuilder {
    RuntimeComponentsBuilder::new("trainyard::service")
        .with_endpoint_resolver(Some(SharedEndpointResolver::new(ByRules)))
        .with_interceptor(SharedInterceptor::permanent(ConnectionPoisoningInterceptor::new()))
        .with_interceptor(SharedInterceptor::permanent(StalledStreamProtectionInterceptor::default()))
        .with_interceptor(SharedInterceptor::permanent(ResponseLimit(max_response_bytes)))
        .with_interceptor(SharedInterceptor::permanent(ServiceClockSkewInterceptor::new()))
        .with_interceptor(SharedInterceptor::permanent(RequestInfoInterceptor::new()))
        .with_interceptor(SharedInterceptor::permanent(UserAgentInterceptor::new()))
        .with_interceptor(SharedInterceptor::permanent(SayWho))
        .with_interceptor(SharedInterceptor::permanent(InvocationIdInterceptor::new()))
        .with_interceptor(SharedInterceptor::permanent(RecursionDetectionInterceptor::new()))
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<Failure>::new())
        .with_retry_classifier(ModeledAsRetryableClassifier::<Failure>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<Failure>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<Failure>::new())
        .with_retry_classifier(NeverTwice)
        .with_retry_classifier(WhenAsked)
}
