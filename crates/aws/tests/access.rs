//! What every operation may do: all are judged, and the judgements that matter most are pinned.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use trainyard_aws::catalogue::{
    self,
    model::{AccessLevel, Operation, OperationFlags},
};

fn operation(name: &str) -> &'static Operation<'static> {
    let (service, operation) = name.split_once('.').unwrap();
    catalogue::service(service).unwrap().operation(operation).unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn every_operation_has_a_level_and_few_are_unknown() {
    let mut counts = BTreeMap::new();
    for entry in catalogue::services() {
        for operation in &entry.service().operations {
            *counts.entry(format!("{:?}", operation.access)).or_insert(0) += 1;
        }
    }
    // A new botocore moves these a little. A source that went missing, or a rule that went wrong, moves them a lot.
    let bounds = [("Read", 8_000..9_200), ("Sensitive", 90..180), ("Write", 10_200..11_800), ("Unknown", 200..600)];
    for (level, bounds) in bounds {
        assert!(bounds.contains(&counts[level]), "{level}: {} of {counts:?}", counts[level]);
    }
}

#[test]
fn the_reviewed_table_is_what_the_catalogue_holds() {
    let table = include_str!("../catalogue/access.tsv");
    let rows = table.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let mut count = 0;
    for row in rows {
        let held = operation(&format!("{}.{}", row[0], row[1]));
        assert_eq!(format!("{:?}", held.access).to_lowercase(), row[2], "{row:?}");
        count += 1;
    }
    let operations: usize = catalogue::services().iter().map(|entry| usize::from(entry.operations)).sum();
    assert_eq!(count, operations);
}

#[test]
fn everyday_looks_are_reads() {
    let reads = [
        "autoscaling.DescribeAutoScalingGroups",
        "batch.DescribeJobs",
        "ce.GetCostAndUsage",
        "cloudformation.DescribeStacks",
        "cloudtrail.LookupEvents",
        "cloudwatch.GetMetricData",
        "dynamodb.DescribeTable",
        "ec2.DescribeInstances",
        "ec2.DescribeCapacityBlockOfferings",
        "ec2.DescribeSpotPriceHistory",
        "ecr.DescribeRepositories",
        "ecs.DescribeTaskDefinition",
        "eks.DescribeCluster",
        "elbv2.DescribeLoadBalancers",
        "fsx.DescribeFileSystems",
        "iam.ListRoles",
        "lambda.ListFunctions",
        "logs.DescribeLogGroups",
        "pricing.GetProducts",
        "rds.DescribeDBInstances",
        "resourcegroupstaggingapi.GetResources",
        "s3.GetBucketLocation",
        "s3.HeadBucket",
        "s3.ListBuckets",
        "s3.ListObjectsV2",
        "sagemaker.DescribeCluster",
        "sagemaker.DescribeTrainingJob",
        "sagemaker.ListClusterNodes",
        "service-quotas.GetServiceQuota",
        "ssm.DescribeInstanceInformation",
        "sts.GetCallerIdentity",
    ];
    for name in reads {
        assert_eq!(operation(name).access, AccessLevel::Read, "{name}");
    }
}

#[test]
fn answers_that_are_secrets_are_sensitive() {
    let sensitive = [
        "cognito-identity.GetCredentialsForIdentity",
        "dynamodb.Scan",
        "ec2.DescribeInstanceAttribute",
        "ec2.GetConsoleOutput",
        "ec2.GetPasswordData",
        "ecr.GetAuthorizationToken",
        "kms.Decrypt",
        "kms.GenerateDataKey",
        "lambda.GetFunction",
        "logs.FilterLogEvents",
        "logs.GetLogEvents",
        "s3.GetObject",
        "secretsmanager.BatchGetSecretValue",
        "secretsmanager.GetSecretValue",
        "ssm.GetParameter",
        "ssm.GetParametersByPath",
        "sso.GetRoleCredentials",
        "sts.AssumeRole",
        "sts.GetSessionToken",
    ];
    for name in sensitive {
        assert_eq!(operation(name).access, AccessLevel::Sensitive, "{name}");
    }
}

#[test]
fn changes_are_flagged_by_what_they_do() {
    let flagged = [
        ("ec2.TerminateInstances", OperationFlags::DESTROYS),
        ("eks.DeleteCluster", OperationFlags::DESTROYS),
        ("s3.PutBucketLifecycleConfiguration", OperationFlags::DESTROYS),
        ("kms.ScheduleKeyDeletion", OperationFlags::DESTROYS),
        ("cloudformation.UpdateStack", OperationFlags::DESTROYS),
        ("iam.AttachRolePolicy", OperationFlags::PERMISSIONS),
        ("ec2.AuthorizeSecurityGroupIngress", OperationFlags::PERMISSIONS),
        ("eks.CreateAccessEntry", OperationFlags::PERMISSIONS),
        ("s3.PutBucketPolicy", OperationFlags::PERMISSIONS),
        ("iam.CreateAccessKey", OperationFlags::REVEALS),
        ("ec2.CreateKeyPair", OperationFlags::REVEALS),
        ("lambda.Invoke", OperationFlags::REVEALS),
        ("ec2.RunInstances", OperationFlags::COSTS),
        ("ec2.PurchaseCapacityBlock", OperationFlags::COSTS),
    ];
    for (name, flag) in flagged {
        assert_eq!(operation(name).access, AccessLevel::Write, "{name}");
        assert!(operation(name).is(flag), "{name}");
    }
    for name in ["ec2.DeleteTags", "ec2.StopInstances", "ec2.DescribeInstances", "kms.CancelKeyDeletion"] {
        assert!(!operation(name).is(OperationFlags::DESTROYS), "{name}");
    }
}

#[test]
fn running_what_the_caller_writes_is_a_change() {
    let writes = [
        "dynamodb.ExecuteStatement",
        "rds-data.ExecuteStatement",
        "athena.StartQueryExecution",
        "ssm.SendCommand",
        "sagemaker-runtime.InvokeEndpoint",
        "bedrock-agent-runtime.InvokeAgent",
        "sqs.ReceiveMessage",
    ];
    for name in writes {
        assert_eq!(operation(name).access, AccessLevel::Write, "{name}");
    }
}
