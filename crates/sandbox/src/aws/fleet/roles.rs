//! The roles that the fleet's clusters, nodes and people have.

use serde_json::{Value, json};

use crate::aws::{account::Account, services, table::Table};

/// Name, who takes it on, policies of AWS.
const ROLES: &[(&str, &str, &[&str])] = &[
    ("trainyard-cluster", "eks.amazonaws.com", &["AmazonEKSClusterPolicy"]),
    (
        "trainyard-node",
        "ec2.amazonaws.com",
        &[
            "AmazonEKSWorkerNodePolicy",
            "AmazonEKS_CNI_Policy",
            "AmazonEC2ContainerRegistryReadOnly",
            "CloudWatchAgentServerPolicy",
        ],
    ),
    (services::FUNCTION_ROLE, "lambda.amazonaws.com", &["service-role/AWSLambdaBasicExecutionRole"]),
    ("hyperpod", "sagemaker.amazonaws.com", &["AmazonSageMakerClusterInstanceRolePolicy"]),
];

/// Makes them.
pub(super) fn build(account: &mut Account) {
    services::iam_policies(account);
    for user in ["sandbox", "anna", "ben"] {
        services::iam_user(account, user);
    }
    for (name, service, policies) in ROLES {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
        });
        role(account, name, &trust, policies, &Value::Null);
    }
    let people = format!("arn:aws:iam::{}:root", account.id);
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "AWS": people }, "Action": "sts:AssumeRole" }],
    });
    role(account, "researcher", &trust, &["AmazonS3ReadOnlyAccess"], &checkpoints());
    role(account, "operator", &trust, &["AdministratorAccess"], &Value::Null);
}

/// What researchers may do beside reading.
fn checkpoints() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Checkpoints", "Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::trainyard-checkpoints/*",
        }],
    })
}

fn role(account: &mut Account, name: &str, trust: &Value, policies: &[&str], own: &Value) {
    let mut row = services::iam_role(account, "/", name, &trust.to_string());
    let arn = |policy: &&str| Value::from(format!("arn:aws:iam::aws:policy/{policy}"));
    row["_attached"] = policies.iter().map(arn).collect();
    row["CreateDate"] = account.ago(86_400 * 200);
    if own.is_object() {
        row["_inline"] = json!({ "own": own.to_string() });
    }
    account.insert("", Table::IamRoles, name, row);
}
