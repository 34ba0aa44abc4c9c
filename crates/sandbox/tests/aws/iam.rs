//! IAM and STS, through the client that the project ships.

use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_sandbox::aws::Server;

use super::state::{Client, account, text};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

#[tokio::test]
async fn a_role_lives_with_its_policies_and_goes_last() {
    let server = account();
    let aws = Client::of(&server);
    let role = json!({"RoleName": "loader"});
    let create = json!({"RoleName": "loader", "AssumeRolePolicyDocument": TRUST, "Tags": [{"Key": "team", "Value": "research"}]});
    let made = aws.call("iam", "CreateRole", create.clone()).await;
    assert_eq!(made["Role"]["Arn"], "arn:aws:iam::111122223333:role/loader");
    assert_eq!(aws.code("iam", "CreateRole", create).await, "EntityAlreadyExists");
    let wrong = json!({"RoleName": "wrong", "AssumeRolePolicyDocument": "{"});
    assert_eq!(aws.code("iam", "CreateRole", wrong).await, "MalformedPolicyDocument");
    let inline = json!({"RoleName": "loader", "PolicyName": "read", "PolicyDocument": POLICY});
    aws.call("iam", "PutRolePolicy", inline).await;
    let named = json!({"RoleName": "loader", "PolicyName": "read"});
    let shown = aws.call("iam", "GetRolePolicy", named.clone()).await;
    assert!(text(&shown["PolicyDocument"]).starts_with("%7B%22Version%22"), "escaped, as IAM answers it");
    let policy = aws.call("iam", "CreatePolicy", json!({"PolicyName": "read", "PolicyDocument": POLICY})).await;
    let arn = json!({"PolicyArn": policy["Policy"]["Arn"]});
    let attach = json!({"RoleName": "loader", "PolicyArn": policy["Policy"]["Arn"]});
    aws.call("iam", "AttachRolePolicy", attach.clone()).await;
    assert_eq!(aws.code("iam", "DeletePolicy", arn.clone()).await, "DeleteConflict");
    let absent = json!({"RoleName": "loader", "PolicyArn": "arn:aws:iam::111122223333:policy/nothing"});
    assert_eq!(aws.code("iam", "AttachRolePolicy", absent).await, "NoSuchEntity");
    let attached = aws.call("iam", "ListAttachedRolePolicies", role.clone()).await;
    assert_eq!(attached["AttachedPolicies"][0]["PolicyName"], "read");
    let version = json!({"PolicyArn": arn["PolicyArn"], "PolicyDocument": TRUST, "SetAsDefault": true});
    let version = aws.call("iam", "CreatePolicyVersion", version).await;
    assert_eq!(
        (&version["PolicyVersion"]["VersionId"], &version["PolicyVersion"]["IsDefaultVersion"]),
        (&json!("v2"), &json!(true))
    );
    let default = json!({"PolicyArn": arn["PolicyArn"], "VersionId": "v2"});
    assert_eq!(aws.code("iam", "DeletePolicyVersion", default).await, "DeleteConflict");
    assert_eq!(aws.code("iam", "DeleteRole", role.clone()).await, "DeleteConflict");
    aws.call("iam", "DetachRolePolicy", attach).await;
    assert_eq!(aws.code("iam", "DeleteRole", role.clone()).await, "DeleteConflict");
    aws.call("iam", "DeleteRolePolicy", named).await;
    let profile = json!({"InstanceProfileName": "loader"});
    aws.call("iam", "CreateInstanceProfile", profile.clone()).await;
    aws.call("iam", "AddRoleToInstanceProfile", json!({"InstanceProfileName": "loader", "RoleName": "loader"})).await;
    assert_eq!(aws.code("iam", "DeleteRole", role.clone()).await, "DeleteConflict");
    let shown = aws.call("iam", "GetInstanceProfile", profile).await;
    assert_eq!(shown["InstanceProfile"]["Roles"][0]["RoleName"], "loader");
    aws.call("iam", "RemoveRoleFromInstanceProfile", json!({"InstanceProfileName": "loader", "RoleName": "loader"}))
        .await;
    aws.call("iam", "DeleteRole", role.clone()).await;
    assert_eq!(aws.code("iam", "GetRole", role).await, "NoSuchEntity");
}

#[tokio::test]
async fn lists_have_pages_and_the_fleets_roles() {
    let server = account();
    let aws = Client::of(&server);
    let (mut marker, mut names) = (Value::Null, Vec::new());
    loop {
        let page = aws.call("iam", "ListRoles", json!({"MaxItems": 2, "Marker": marker})).await;
        names.extend(page["Roles"].as_array().expect("a list").iter().map(|role| text(&role["RoleName"])));
        assert_eq!(page["IsTruncated"], page["Marker"].is_string());
        marker = page["Marker"].clone();
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(
        names,
        ["hyperpod", "operator", "researcher", "trainyard-cluster", "trainyard-functions", "trainyard-node"]
    );
    let cluster = aws.call("eks", "DescribeCluster", json!({"name": "trainyard"})).await;
    let role = aws.call("iam", "GetRole", json!({"RoleName": "trainyard-cluster"})).await;
    assert_eq!(role["Role"]["Arn"], cluster["cluster"]["roleArn"]);
    let own = aws.call("iam", "ListPolicies", json!({"Scope": "Local"})).await;
    assert_eq!(own["Policies"], json!([]));
    let of_aws = json!({"PolicyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy", "VersionId": "v1"});
    assert_eq!(aws.code("iam", "GetPolicyVersion", of_aws).await, "NotInTheSandbox", "a text of AWS's is not made up");
    let of_aws = json!({"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    assert_eq!(aws.code("iam", "DeletePolicy", of_aws).await, "InvalidInput");
}

#[tokio::test]
async fn a_role_that_trusts_the_account_is_taken_on_and_others_are_not() {
    let server = account();
    let aws = Client::of(&server);
    let take =
        |role: &str| json!({"RoleArn": format!("arn:aws:iam::111122223333:role/{role}"), "RoleSessionName": "anna"});
    for role in ["trainyard-node", "nobody"] {
        assert_eq!(aws.code("sts", "AssumeRole", take(role)).await, "AccessDenied", "{role}");
    }
    let mut long = take("researcher");
    long["DurationSeconds"] = json!(43_200);
    assert_eq!(aws.code("sts", "AssumeRole", long).await, "ValidationError");
    let taken = aws.call("sts", "AssumeRole", take("researcher")).await;
    let session = |token: &str| {
        let credentials = StaticCredentials {
            access_key_id: text(&taken["Credentials"]["AccessKeyId"]),
            secret_access_key: text(&taken["Credentials"]["SecretAccessKey"]),
            session_token: Some(token.to_owned()),
        };
        let settings = Settings {
            endpoint_url: Some(server.url()),
            max_attempts: Some(1),
            credentials: Some(credentials),
            ..Settings::default()
        };
        Engine::new(settings)
    };
    let scope = Scope::region(Server::region());
    let own = session(&text(&taken["Credentials"]["SessionToken"]));
    let caller = own.call("sts", "GetCallerIdentity", json!({}), &scope).await.expect("a session");
    assert_eq!(caller.output["Arn"], "arn:aws:sts::111122223333:assumed-role/researcher/anna");
    let forged =
        session("forged").call("sts", "GetCallerIdentity", json!({}), &scope).await.expect_err("another token");
    assert_eq!(forged.code_str(), "InvalidClientTokenId");
    server.advance(std::time::Duration::from_hours(2));
    let ended = own.call("sts", "GetCallerIdentity", json!({}), &scope).await.expect_err("over");
    assert_eq!(ended.code_str(), "ExpiredToken");
}
