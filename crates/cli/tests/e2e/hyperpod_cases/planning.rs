//! Task governance and training plans.

use serde_json::json;
use trainyard_stand_in::StandIn;

use super::{ARN, Case, KIND, TIME, looked_at, row};

const OFFERING: &str = "tpo-0123456789abcdef";

pub(super) fn offered(aws: &StandIn) {
    let stretch =
        json!({ "InstanceType": KIND, "InstanceCount": 4, "AvailabilityZone": "us-west-2a", "StartTime": TIME });
    let offering = json!({ "TrainingPlanOfferingId": OFFERING, "TargetResources": ["hyperpod-cluster"], "UpfrontFee": "9000.00",
        "CurrencyCode": "USD", "DurationHours": 72, "ReservedCapacityOfferings": [stretch] });
    aws.answer("sagemaker", "SearchTrainingPlanOfferings", json!({ "TrainingPlanOfferings": [offering] }));
}

pub(super) fn governed(aws: &StandIn) {
    looked_at(aws);
    aws.answer(
        "sagemaker",
        "ListClusterSchedulerConfigs",
        json!({ "ClusterSchedulerConfigSummaries": [{
        "ClusterSchedulerConfigArn": "arn:scheduler", "ClusterSchedulerConfigId": "abcdef012345", "Name": "s",
        "CreationTime": TIME, "Status": "Created" }] }),
    );
    aws.answer(
        "sagemaker",
        "DescribeClusterSchedulerConfig",
        json!({
        "ClusterSchedulerConfigArn": "arn:scheduler", "ClusterSchedulerConfigId": "abcdef012345", "Name": "s",
        "ClusterSchedulerConfigVersion": 3, "Status": "Created", "CreationTime": TIME,
        "SchedulerConfig": { "PriorityClasses": [{ "Name": "training", "Weight": 80 }], "FairShare": "Enabled" } }),
    );
    aws.answer(
        "sagemaker",
        "ListComputeQuotas",
        json!({ "ComputeQuotaSummaries": [{
        "ComputeQuotaArn": "arn:quota", "ComputeQuotaId": "abcdef012345", "Name": "q", "ComputeQuotaVersion": 2,
        "Status": "Created", "CreationTime": TIME, "ComputeQuotaTarget": { "TeamName": "research" } }] }),
    );
    aws.answer(
        "sagemaker",
        "UpdateClusterSchedulerConfig",
        json!({
        "ClusterSchedulerConfigArn": "arn:scheduler", "ClusterSchedulerConfigVersion": 4 }),
    );
    aws.answer(
        "sagemaker",
        "CreateComputeQuota",
        json!({ "ComputeQuotaArn": "arn:quota2", "ComputeQuotaId": "abcdef012346" }),
    );
}

pub(super) fn cases() -> Vec<Case> {
    let search = json!({ "instance_type": KIND, "instance_count": 4, "duration_hours": 72 });
    let mut buy = search.clone();
    buy.as_object_mut().unwrap().extend(
        json!({ "training_plan_name": "spring", "offering_id": OFFERING, "upfront_fee": "9000" })
            .as_object()
            .unwrap()
            .clone(),
    );
    vec![
        Case {
            tool: "hyperpod_list_scheduling",
            arguments: json!({ "cluster_name": "train" }),
            refused: ("sagemaker", "ListComputeQuotas"),
            answers: governed,
            check: |answer, _| {
                assert_eq!(answer["scheduler_configs"][0]["scheduler_config"]["priority_classes"][0]["weight"], 80);
                assert_eq!(answer["compute_quotas"][0]["compute_quota_target"]["team_name"], "research");
            },
        },
        Case {
            tool: "hyperpod_put_scheduler_config",
            arguments: json!({ "cluster_name": "train", "priority_classes": [{ "name": "training", "weight": 90 }] }),
            refused: ("sagemaker", "UpdateClusterSchedulerConfig"),
            answers: governed,
            check: |answer, aws| {
                assert_eq!(answer, &json!({ "arn": "arn:scheduler", "version": 4 }));
                assert_eq!(aws.calls_of("UpdateClusterSchedulerConfig")[0]["TargetVersion"], 3);
            },
        },
        Case {
            tool: "hyperpod_put_compute_quota",
            arguments: json!({ "cluster_name": "train", "team_name": "product", "resources": [{ "instance_type": KIND, "count": 1 }] }),
            refused: ("sagemaker", "CreateComputeQuota"),
            answers: governed,
            check: |answer, aws| {
                assert_eq!(answer, &json!({ "arn": "arn:quota2" }));
                let sent = &aws.calls_of("CreateComputeQuota")[0];
                assert_eq!(
                    (&sent["ClusterArn"], &sent["ComputeQuotaTarget"]["TeamName"]),
                    (&json!(ARN), &json!("product"))
                );
            },
        },
        Case {
            tool: "hyperpod_search_training_plans",
            arguments: search,
            refused: ("sagemaker", "SearchTrainingPlanOfferings"),
            answers: offered,
            check: |answer, _| assert_eq!(row(answer, 0)["upfront_fee"], "9000.00"),
        },
        Case {
            tool: "hyperpod_list_training_plans",
            arguments: json!({ "status": "Active" }),
            refused: ("sagemaker", "ListTrainingPlans"),
            answers: |aws| {
                let plan = json!({ "TrainingPlanArn": format!("arn:aws:sagemaker:us-west-2:123456789012:training-plan/{}", "p".repeat(8)),
                    "TrainingPlanName": "spring", "Status": "Active" });
                aws.answer("sagemaker", "ListTrainingPlans", json!({ "TrainingPlanSummaries": [plan] }));
            },
            check: |answer, aws| {
                assert_eq!(row(answer, 0)["training_plan_name"], "spring");
                let filter = json!([{ "Name": "Status", "Value": "Active" }]);
                assert_eq!(aws.calls_of("ListTrainingPlans")[0]["Filters"], filter);
            },
        },
        Case {
            tool: "hyperpod_create_training_plan",
            arguments: buy,
            refused: ("sagemaker", "CreateTrainingPlan"),
            answers: |aws| {
                offered(aws);
                let arn = format!("arn:aws:sagemaker:us-west-2:123456789012:training-plan/{}", "p".repeat(8));
                aws.answer("sagemaker", "CreateTrainingPlan", json!({ "TrainingPlanArn": arn }));
            },
            check: |_, aws| {
                let sent = json!({ "TrainingPlanName": "spring", "TrainingPlanOfferingId": OFFERING });
                assert_eq!(aws.calls_of("CreateTrainingPlan"), [sent]);
            },
        },
    ]
}
