//! What every operation may do: all are judged, and the judgements that matter most are pinned.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, path::Path};

use trainyard_aws::catalogue::{
    self, Entry, botocore,
    model::{AccessLevel, MemberFlags, Operation, OperationFlags, Protocol, Service},
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
fn nearly_every_operation_is_known_to_a_source_or_was_reviewed() {
    let (mut known, mut all) = (0_u32, 0_u32);
    for operation in catalogue::services().iter().flat_map(|entry| &entry.service().operations) {
        all += 1;
        known += u32::from(operation.access != AccessLevel::Unknown);
    }
    let coverage = f64::from(known) * 100.0 / f64::from(all);
    report(&format!("{known} of {all} operations have a level ({coverage:.2} %); the others count as changes"));
    assert!(coverage >= 97.5, "{known} of {all}");
}

#[expect(clippy::print_stdout, reason = "shown with --nocapture, for the figure")]
fn report(line: &str) {
    println!("{line}");
}

/// First words of names that promise to look and nothing else.
const LOOKS: &[&str] = &[
    "AdminGet",
    "AdminList",
    "BatchCheck",
    "BatchDescribe",
    "BatchGet",
    "BatchIs",
    "BatchList",
    "Calculate",
    "Check",
    "Compare",
    "Count",
    "Describe",
    "Detect",
    "Discover",
    "Estimate",
    "Evaluate",
    "Filter",
    "Get",
    "Head",
    "Is",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "Retrieve",
    "Scan",
    "Search",
    "Simulate",
    "Validate",
    "Verify",
    "View",
];

/// Looks under other names. Each was reviewed by a person: it computes, starts or ends a search, or hands something out.
const REVIEWED: &[&str] = &[
    "acm.ExportCertificate",
    "backup.ExportBackupPlanTemplate",
    "config.SelectAggregateResourceConfig",
    "config.SelectResourceConfig",
    "dynamodb.TransactGetItems",
    "ec2.ExportClientVpnClientCertificateRevocationList",
    "ec2.ExportClientVpnClientConfiguration",
    "ec2.ExportVerifiedAccessInstanceClientConfiguration",
    "events.TestEventPattern",
    "gamelift.ResolveAlias",
    "geo-places.Autocomplete",
    "geo-places.Geocode",
    "geo-places.ReverseGeocode",
    "geo-places.Suggest",
    "geo-routes.OptimizeWaypoints",
    "geo-routes.SnapToRoads",
    "greengrassv2.ResolveComponentCandidates",
    "iam.GenerateCredentialReport",
    "iam.GenerateOrganizationsAccessReport",
    "iam.GenerateServiceLastAccessedDetails",
    "internetmonitor.StartQuery",
    "internetmonitor.StopQuery",
    "kinesis.SubscribeToShard",
    "kms.Decapsulate",
    "kms.Decrypt",
    "kms.DeriveSharedSecret",
    "kms.Encapsulate",
    "kms.GenerateDataKey",
    "kms.GenerateDataKeyPair",
    "kms.GenerateDataKeyPairWithoutPlaintext",
    "kms.GenerateDataKeyWithoutPlaintext",
    "kms.GenerateRandom",
    "lightsail.DownloadDefaultKeyPair",
    "logs.StartLiveTail",
    "logs.StartQuery",
    "logs.StopQuery",
    "logs.TestMetricFilter",
    "logs.TestTransformer",
    "mediaconvert.Probe",
    "quicksight.PredictQAResults",
    "rds.DownloadDBLogFilePortion",
    "route53.TestDNSAnswer",
    "s3.SelectObjectContent",
    "sagemaker.CreateHubContentPresignedUrls",
    "sagemaker.RenderUiTemplate",
    "schemas.ExportSchema",
    "sdb.Select",
    "sts.AssumeRole",
    "sts.AssumeRoleWithSAML",
    "sts.AssumeRoleWithWebIdentity",
    "sts.AssumeRoot",
    "timestream-query.PrepareQuery",
    "wellarchitected.ExportLens",
    "xray.CancelTraceRetrieval",
    "xray.StartTraceRetrieval",
];

/// Looks that take a token against repetition, which else only changes do: questions that a service keeps for a while.
const TOKENS: &[&str] = &["bedrock-agentcore.GetAgentCard", "fsx.DescribeFileSystemAliases", "timestream-query.Query"];

/// Every operation that may be called where nothing may be changed, with its service.
fn looks() -> impl Iterator<Item = (&'static Service<'static>, &'static Operation<'static>, String)> {
    catalogue::services().iter().map(Entry::service).flat_map(|service| {
        let open = |operation: &&Operation<'_>| matches!(operation.access, AccessLevel::Read | AccessLevel::Sensitive);
        let named = |operation: &'static Operation<'static>| format!("{}.{}", service.name, operation.name);
        service.operations.iter().filter(open).map(move |operation| (service, operation, named(operation)))
    })
}

#[test]
fn no_look_has_the_name_of_a_change() {
    let changes = ["AndDelete", "AndUpdate", "OrCreate", "AndCreate", "AndPut", "AndRemove"];
    for (_, operation, name) in looks() {
        let promised = LOOKS.iter().any(|look| {
            operation
                .name
                .strip_prefix(look)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_uppercase))
        });
        assert!(promised || REVIEWED.contains(&name.as_str()), "{name} is a read by its level and not by its name");
        assert!(!changes.iter().any(|change| operation.name.contains(change)), "{name}");
    }
    for name in REVIEWED {
        assert!(looks().any(|(_, _, look)| look == *name), "{name} is no look any more");
    }
}

#[test]
fn no_look_is_made_with_the_method_of_a_change() {
    for (service, operation, name) in looks() {
        let rest = matches!(service.protocol, Protocol::RestJson | Protocol::RestXml);
        let changes = rest && matches!(operation.method, "PUT" | "PATCH" | "DELETE");
        // A search is ended so.
        assert!(!changes || name == "internetmonitor.StopQuery", "{name} is a {}", operation.method);
    }
}

#[test]
fn no_look_takes_a_token_against_repetition() {
    for (service, operation, name) in looks() {
        let members = operation.input.and_then(|id| service.structure(id)).map(|structure| &structure.members);
        let token = members.is_some_and(|all| all.iter().any(|member| member.is(MemberFlags::IDEMPOTENCY_TOKEN)));
        assert!(!token || TOKENS.contains(&name.as_str()), "{name} takes a token, as changes do");
    }
}

#[test]
fn what_the_models_call_read_only_is_a_look_or_was_doubted() {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/xtask/botocore-sdist-1.44.5/botocore/data");
    let (mut marked, mut doubted) = (0, Vec::new());
    for entry in catalogue::services() {
        let source = botocore::read(&fetched, entry.name).unwrap();
        for operation in &entry.service().operations {
            if source.service["operations"][operation.name]["readonly"] == true {
                marked += 1;
                if !matches!(operation.access, AccessLevel::Read | AccessLevel::Sensitive) {
                    doubted.push(format!("{}.{}", entry.name, operation.name));
                }
            }
        }
    }
    // Doubt is cheap: `StartViewerSessionRevocation` calls itself read-only.
    assert!(marked > 2_000 && doubted.len() < 30, "{marked} are marked, {} doubted: {doubted:?}", doubted.len());
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
