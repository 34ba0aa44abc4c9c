//! Which IAM actions an operation takes.

use crate::{
    catalogue::model::{Operation, Service},
    discovery,
};

/// Services whose IAM prefix is not the name that signs their requests.
const PREFIXES: [(&str, &str); 5] = [
    ("monitoring", "cloudwatch"),
    ("tagging", "tag"),
    ("email", "ses"),
    ("mturk-requester", "mechanicalturk"),
    ("awsssoportal", "sso"),
];

/// Operations of S3 whose action has another name, or that take more than one.
const S3: [(&str, &[&str]); 24] = [
    ("AbortMultipartUpload", &["AbortMultipartUpload"]),
    ("CompleteMultipartUpload", &["PutObject"]),
    ("CopyObject", &["GetObject", "PutObject"]),
    ("CreateMultipartUpload", &["PutObject"]),
    ("DeleteBucketCors", &["PutBucketCORS"]),
    ("DeleteBucketEncryption", &["PutEncryptionConfiguration"]),
    ("DeleteBucketLifecycle", &["PutLifecycleConfiguration"]),
    ("DeleteBucketReplication", &["PutReplicationConfiguration"]),
    ("DeleteBucketTagging", &["PutBucketTagging"]),
    ("DeleteObjects", &["DeleteObject"]),
    ("GetBucketCors", &["GetBucketCORS"]),
    ("GetBucketEncryption", &["GetEncryptionConfiguration"]),
    ("GetBucketLifecycleConfiguration", &["GetLifecycleConfiguration"]),
    ("GetBucketReplication", &["GetReplicationConfiguration"]),
    ("HeadBucket", &["ListBucket"]),
    ("HeadObject", &["GetObject"]),
    ("ListBuckets", &["ListAllMyBuckets"]),
    ("ListMultipartUploads", &["ListBucketMultipartUploads"]),
    ("ListObjectVersions", &["ListBucketVersions"]),
    ("ListObjects", &["ListBucket"]),
    ("ListObjectsV2", &["ListBucket"]),
    ("ListParts", &["ListMultipartUploadParts"]),
    ("UploadPart", &["PutObject"]),
    ("UploadPartCopy", &["GetObject", "PutObject"]),
];

/// The IAM actions that a caller of the operation has to be allowed, as `ec2:TerminateInstances`.
///
/// Nearly everywhere an action bears the name of its operation and the prefix that signs the request; the exceptions that
/// are known stand in the tables above.
pub fn iam_actions(service: &Service<'_>, operation: &Operation<'_>) -> Vec<String> {
    let signing = service.signing_name;
    let prefix = PREFIXES.iter().find(|(name, _)| *name == signing).map_or(signing, |(_, prefix)| *prefix);
    let exception = S3.iter().find(|(name, _)| service.name == "s3" && *name == operation.name);
    let mut actions: Vec<String> = match exception {
        Some((_, actions)) => actions.iter().map(|action| format!("{prefix}:{action}")).collect(),
        None => vec![format!("{prefix}:{}", operation.name)],
    };
    if operation.endpoint_discovery_required {
        actions.push(format!("{prefix}:{}", discovery::QUESTION));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn actions(service: &str, operation: &str) -> Vec<String> {
        let service = catalogue::service(service).unwrap();
        iam_actions(service, service.operation(operation).unwrap())
    }

    #[test]
    fn actions_bear_the_name_of_the_operation_apart_from_the_exceptions() {
        assert_eq!(actions("ec2", "TerminateInstances"), ["ec2:TerminateInstances"]);
        assert_eq!(actions("cloudwatch", "GetMetricData"), ["cloudwatch:GetMetricData"]);
        assert_eq!(actions("resourcegroupstaggingapi", "GetResources"), ["tag:GetResources"]);
        assert_eq!(actions("elbv2", "DescribeLoadBalancers"), ["elasticloadbalancing:DescribeLoadBalancers"]);
        assert_eq!(actions("amp", "ListWorkspaces"), ["aps:ListWorkspaces"]);
        assert_eq!(actions("s3", "ListObjectsV2"), ["s3:ListBucket"]);
        assert_eq!(actions("timestream-query", "Query"), ["timestream:Query", "timestream:DescribeEndpoints"]);
        assert_eq!(actions("s3", "CopyObject"), ["s3:GetObject", "s3:PutObject"]);
    }

    #[test]
    fn the_exceptions_are_operations() {
        let s3 = catalogue::service("s3").unwrap();
        for (name, _) in S3 {
            assert!(s3.operation(name).is_some(), "{name}");
        }
    }
}
