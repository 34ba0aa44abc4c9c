//! The operations behind the tools: the members that we send and those that we read.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Changes, Reads};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ListServiceQuotas {
    pub(super) service_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Quotas {
    #[serde(default)]
    pub(super) quotas: Vec<Quota>,
}

/// One quota.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Quota {
    pub(super) quota_code: Option<String>,
    #[serde(rename(serialize = "name"))]
    pub(super) quota_name: Option<String>,
    pub(super) value: Option<f64>,
    pub(super) unit: Option<String>,
    /// More of it can be asked for.
    pub(super) adjustable: Option<bool>,
}

impl Operation for ListServiceQuotas {
    const SERVICE: &'static str = "service-quotas";
    const ACTION: &'static str = "ListServiceQuotas";
    type Needs = Reads;
    type Reply = Quotas;
}

impl Paged for ListServiceQuotas {
    type Item = Quota;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=100)
    }

    fn items(reply: Quotas) -> Vec<Quota> {
        reply.quotas
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct GetServiceQuota {
    pub(super) service_code: String,
    pub(super) quota_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct OneQuota {
    pub(super) quota: Quota,
}

impl Operation for GetServiceQuota {
    const SERVICE: &'static str = "service-quotas";
    const ACTION: &'static str = "GetServiceQuota";
    type Needs = Reads;
    type Reply = OneQuota;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RequestServiceQuotaIncrease {
    pub(super) service_code: String,
    pub(super) quota_code: String,
    pub(super) desired_value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Requested {
    pub(super) requested_quota: Request,
}

/// A request for more.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub(super) struct Request {
    #[serde(rename(serialize = "request_id"))]
    pub(super) id: Option<String>,
    pub(super) case_id: Option<String>,
    pub(super) quota_code: Option<String>,
    pub(super) quota_name: Option<String>,
    pub(super) desired_value: Option<f64>,
    pub(super) status: Option<String>,
}

impl Operation for RequestServiceQuotaIncrease {
    const SERVICE: &'static str = "service-quotas";
    const ACTION: &'static str = "RequestServiceQuotaIncrease";
    type Needs = Changes;
    type Reply = Requested;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<ListServiceQuotas>();
        check::<GetServiceQuota>();
        check::<RequestServiceQuotaIncrease>();
    }
}
