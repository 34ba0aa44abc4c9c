//! Service quotas: what they are, and asking for more.

mod wire;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Changes, Covers, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef,
};

use self::wire::{GetServiceQuota, ListServiceQuotas, Quota, Request, RequestServiceQuotaIncrease};
use crate::{App, Cx, aws::ec2::tagged::whole, common::At};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Get>(), ToolDef::changes::<Ask>()];

/// Show the quotas of a service, such as the vCPUs of running P and G instances
///
/// quota narrows them by a part of the name, or to one code. EC2 counts vCPUs: a p5.48xlarge is 192.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Such as ec2, sagemaker, eks, fsx.
    service: String,
    /// Part of the name, such as P instances, or a code, such as L-417A185B.
    quota: Option<String>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Get {
    const NAME: &'static str = "quota_get";
    const EXAMPLE: &'static str = r#"{"service": "ec2", "quota": "P instances"}"#;
    type Access = Reads;
    type Output = Listing<Quota>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Quota>> {
        let aws = cx.at(&self.at);
        let quota = self.quota.as_deref().unwrap_or_default();
        if is_code(quota) {
            return Ok(Listing::whole(vec![one(&aws, &self.service, quota).await?]));
        }
        let mut quotas = whole(&cx, &aws, &ListServiceQuotas { service_code: self.service }).await?;
        let wanted = quota.to_lowercase();
        quotas.retain(|it| it.quota_name.as_ref().is_some_and(|name| name.to_lowercase().contains(&wanted)));
        Ok(Listing::whole(quotas))
    }
}

/// Ask AWS for a higher quota
///
/// AWS decides, at once or in days. The new value is for the whole region.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ask {
    /// Such as ec2.
    service: String,
    /// Code, such as L-417A185B.
    quota_code: String,
    /// The value that is wanted.
    value: f64,
    #[serde(flatten)]
    at: At,
}

impl Ask {
    fn request(&self) -> RequestServiceQuotaIncrease {
        RequestServiceQuotaIncrease {
            service_code: self.service.clone(),
            quota_code: self.quota_code.clone(),
            desired_value: self.value,
        }
    }

    /// The quota as it is, if asking makes sense.
    async fn check<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Quota> {
        let quota = one(aws, &self.service, &self.quota_code).await?;
        if quota.value.is_some_and(|now| now >= self.value) {
            let now = quota.value.unwrap_or_default();
            return Err(Error::validation(format!(
                "{} is {now} already, not less than {}",
                self.quota_code, self.value
            )));
        }
        if quota.adjustable == Some(false) {
            return Err(Error::unsupported(format!("{} cannot be raised", self.quota_code)));
        }
        Ok(quota)
    }
}

impl Tool<App> for Ask {
    const NAME: &'static str = "quota_request_increase";
    const EXAMPLE: &'static str = r#"{"service": "ec2", "quota_code": "L-417A185B", "value": 768}"#;
    type Access = Changes;
    type Output = Json<Request>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Request>> {
        let aws = cx.at(&self.at);
        self.check(&aws).await?;
        aws.send(&self.request()).await.map(|reply| Json(reply.requested_quota))
    }
}

impl Preview<App> for Ask {
    type Plan = Raise;

    fn target(&self) -> Target {
        self.at.target("service quota", [&self.quota_code])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Raise> {
        Ok(Raise { now: self.check(&cx.at(&self.at)).await?, wanted: self.value })
    }
}

/// The quota as it is, and what would be asked for.
#[derive(Serialize, JsonSchema)]
struct Raise {
    now: Quota,
    wanted: f64,
}

/// `L-417A185B`.
fn is_code(text: &str) -> bool {
    text.strip_prefix("L-").is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

async fn one<A: Access + Covers<Reads>>(aws: &Aws<A>, service: &str, code: &str) -> Result<Quota> {
    let question = GetServiceQuota { service_code: service.to_owned(), quota_code: code.to_owned() };
    aws.send(&question).await.map(|reply| reply.quota)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_from_a_name() {
        assert!(is_code("L-417A185B"));
        assert!(!is_code("P instances") && !is_code("L-417A") && !is_code(""));
    }
}
