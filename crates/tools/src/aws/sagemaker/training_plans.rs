//! Training plans: reserved capacity for a time, bought ahead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Aws, Operation, Paged};
use trainyard_contract::{
    Access, Amount, Changes, Covers, Error, ErrorKind, Impact, Json, Listing, Preview, Reads, Result, Target, Tool,
    ToolDef, Weighed,
};

use crate::{
    App, Cx,
    aws::impact::{self, Machines},
    common::{Cursor, Limit, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reads::<SearchOfferings>(), ToolDef::reads::<ListPlans>(), ToolDef::changes::<CreatePlan>().spending()];

/// What the capacity is to be used for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Use {
    #[default]
    HyperpodCluster,
    TrainingJob,
    Endpoint,
}

/// Search offerings of SageMaker training plans: capacity for a time, with its fee
///
/// An offering is bought with hyperpod_create_training_plan, and only for a short while.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchOfferings {
    /// Such as ml.p5.48xlarge.
    instance_type: String,
    /// How many instances.
    #[schemars(range(min = 1, max = 256))]
    instance_count: u32,
    /// For how many hours.
    #[schemars(range(min = 1, max = 87600))]
    duration_hours: u32,
    /// Earliest start (ISO).
    start_after: Option<String>,
    /// Latest end (ISO).
    end_before: Option<String>,
    #[serde(default)]
    used_for: Use,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for SearchOfferings {
    const NAME: &'static str = "hyperpod_search_training_plans";
    const EXAMPLE: &'static str = r#"{"instance_type": "ml.p5.48xlarge", "instance_count": 4, "duration_hours": 72}"#;
    type Access = Reads;
    type Output = Listing<Offering>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Offering>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = SearchTrainingPlanOfferings {
            instance_type: self.instance_type,
            instance_count: self.instance_count,
            duration_hours: self.duration_hours,
            start_time_after: self.start_after,
            end_time_before: self.end_before,
            target_resources: vec![self.used_for],
        };
        aws.send(&question).await.map(|found| Listing::whole(found.training_plan_offerings))
    }
}

/// List training plans
///
/// With what is left of each, and the instances in use.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListPlans {
    /// Only plans in this state.
    status: Option<PlanStatus>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
enum PlanStatus {
    Pending,
    Active,
    Scheduled,
    Expired,
    Failed,
}

impl Tool<App> for ListPlans {
    const NAME: &'static str = "hyperpod_list_training_plans";
    const EXAMPLE: &'static str = r#"{"status": "Active"}"#;
    type Access = Reads;
    type Output = Listing<TrainingPlan>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<TrainingPlan>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let filters = self.status.map(|value| StatusFilter { name: "Status", value });
        let question = ListTrainingPlans { filters: filters.into_iter().collect() };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        Ok(Listing::part(found.items, found.next, found.pages).about("region", found.region))
    }
}

/// Buy a training plan
///
/// Paid at once and not given back. The offering is looked up again before, and the fee has to be the one given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreatePlan {
    /// Name of the new plan.
    training_plan_name: String,
    /// From hyperpod_search_training_plans.
    offering_id: String,
    /// Fee of the offering, as it was found.
    upfront_fee: String,
    /// As it was searched for.
    instance_type: String,
    /// As it was searched for.
    #[schemars(range(min = 1, max = 256))]
    instance_count: u32,
    /// As it was searched for.
    #[schemars(range(min = 1, max = 87600))]
    duration_hours: u32,
    #[serde(default)]
    used_for: Use,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl CreatePlan {
    /// The offering as it is offered now.
    async fn offering<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Offering> {
        let question = SearchTrainingPlanOfferings {
            instance_type: self.instance_type.clone(),
            instance_count: self.instance_count,
            duration_hours: self.duration_hours,
            start_time_after: None,
            end_time_before: None,
            target_resources: vec![self.used_for],
        };
        let offered = aws.send(&question).await?.training_plan_offerings;
        let search = "hyperpod_search_training_plans shows what is offered now";
        let offering = offered
            .into_iter()
            .find(|offering| offering.training_plan_offering_id == self.offering_id)
            .ok_or_else(|| Error::not_found("offering", &self.offering_id).hint(search))?;
        let fee = offering.upfront_fee.as_deref().unwrap_or_default();
        if fee.parse::<f64>().ok() == self.upfront_fee.parse::<f64>().ok() {
            return Ok(offering);
        }
        let why = format!("the fee is {fee:?} now, not {:?}; nothing was bought", self.upfront_fee);
        Err(Error::new(ErrorKind::Conflict, why).hint(search))
    }
}

impl Tool<App> for CreatePlan {
    const NAME: &'static str = "hyperpod_create_training_plan";
    const EXAMPLE: &'static str = r#"{"training_plan_name": "spring", "offering_id": "tpo-0123456789abcdef", "upfront_fee": "9000.00", "instance_type": "ml.p5.48xlarge", "instance_count": 4, "duration_hours": 72}"#;
    type Access = Changes;
    type Output = Json<Bought>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Bought>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let offering = self.offering(&aws).await?;
        let bought = aws
            .send(&CreateTrainingPlan {
                training_plan_name: self.training_plan_name,
                training_plan_offering_id: self.offering_id,
            })
            .await?;
        Ok(Json(Bought { training_plan_arn: bought.training_plan_arn, offering }))
    }
}

impl Preview<App> for CreatePlan {
    type Plan = Weighed<Offering>;

    fn target(&self) -> Target {
        let plan = vec![self.training_plan_name.clone()];
        aws_target("training plan", plan, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Offering>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let offering = self.offering(&aws).await?;
        let impact = offering.impact(&aws).await;
        Ok(Weighed::new(offering, impact))
    }
}

/// A plan that was bought.
#[derive(Serialize, JsonSchema)]
struct Bought {
    training_plan_arn: String,
    offering: Offering,
}

/// Capacity that can be bought.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct Offering {
    training_plan_offering_id: String,
    /// Paid at once, in the currency beside it.
    upfront_fee: Option<String>,
    currency_code: Option<String>,
    duration_hours: Option<u64>,
    duration_minutes: Option<u64>,
    /// The stretches of capacity that it is made of.
    #[serde(default)]
    reserved_capacity_offerings: Vec<Stretch>,
}

impl Offering {
    /// Machines for a time, paid at once. Its stretches may be of the same machines, one after the other.
    async fn impact(&self, aws: &Aws<Reads>) -> Impact {
        let mut machines = Machines::new();
        for stretch in &self.reserved_capacity_offerings {
            let most = machines.entry(stretch.instance_type.clone()).or_default();
            *most = stretch.instance_count.max(*most);
        }
        let gpus = if machines.is_empty() {
            Amount::Unknown("the offering does not say of which machines it is".to_owned())
        } else {
            impact::gpus(aws, &machines).await
        };
        let dollars_per_hour =
            impact::prepaid(self.upfront_fee.as_deref(), self.currency_code.as_deref(), self.duration_hours);
        Impact { gpus, dollars_per_hour, objects: machines.values().sum() }
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct Stretch {
    instance_type: String,
    instance_count: u64,
    availability_zone: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    duration_hours: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ultra_server_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ultra_server_count: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct SearchTrainingPlanOfferings {
    instance_type: String,
    instance_count: u32,
    duration_hours: u32,
    start_time_after: Option<String>,
    end_time_before: Option<String>,
    target_resources: Vec<Use>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Offerings {
    #[serde(default)]
    training_plan_offerings: Vec<Offering>,
}

impl Operation for SearchTrainingPlanOfferings {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "SearchTrainingPlanOfferings";
    type Needs = Reads;
    type Reply = Offerings;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct ListTrainingPlans {
    filters: Vec<StatusFilter>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct StatusFilter {
    name: &'static str,
    value: PlanStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct PlanPage {
    #[serde(default)]
    training_plan_summaries: Vec<TrainingPlan>,
}

/// A training plan of the account.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct TrainingPlan {
    training_plan_name: String,
    status: String,
    status_message: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    total_instance_count: Option<u64>,
    available_instance_count: Option<u64>,
    in_use_instance_count: Option<u64>,
    upfront_fee: Option<String>,
    currency_code: Option<String>,
    training_plan_arn: String,
}

impl Operation for ListTrainingPlans {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "ListTrainingPlans";
    type Needs = Reads;
    type Reply = PlanPage;
}

impl Paged for ListTrainingPlans {
    type Item = TrainingPlan;

    fn page_size(&self) -> Option<std::ops::RangeInclusive<u32>> {
        Some(1..=100)
    }

    fn items(reply: PlanPage) -> Vec<TrainingPlan> {
        reply.training_plan_summaries
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct CreateTrainingPlan {
    training_plan_name: String,
    training_plan_offering_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct CreatedPlan {
    training_plan_arn: String,
}

impl Operation for CreateTrainingPlan {
    const SERVICE: &'static str = "sagemaker";
    const ACTION: &'static str = "CreateTrainingPlan";
    type Needs = Changes;
    type Reply = CreatedPlan;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<SearchTrainingPlanOfferings>();
        check::<ListTrainingPlans>();
        check::<CreateTrainingPlan>();
    }
}
