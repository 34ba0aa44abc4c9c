//! What EKS knows by name: clusters, node groups, add-ons, access entries and the like.

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainyard_aws::Aws;
use trainyard_contract::{Error, Headed, Reads, Result, Tool, ToolDef};

use crate::{
    App, Cx,
    common::{Cursor, Limit, Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<List>(), ToolDef::reads::<Describe>()];

/// Resources that are described at once, so that a list says more than names.
const AT_ONCE: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ResourceType {
    Cluster,
    Nodegroup,
    Addon,
    Accessentry,
    Fargateprofile,
    Podidentityassociation,
}

/// How EKS names things in the calls about one kind.
struct Words {
    service: &'static str,
    list: &'static str,
    listed: &'static str,
    describe: &'static str,
    /// Member of the request that names the resource.
    named_by: &'static str,
    described: &'static str,
    /// Members that a list shows, if they are there.
    shown: &'static [&'static str],
}

impl ResourceType {
    fn words(self) -> Words {
        let (list, listed, describe, named_by, described, shown): (_, _, _, _, _, &[&str]) = match self {
            Self::Cluster => {
                ("ListClusters", "clusters", "DescribeCluster", "name", "cluster", &["status", "version", "arn"])
            }
            Self::Nodegroup => (
                "ListNodegroups",
                "nodegroups",
                "DescribeNodegroup",
                "nodegroupName",
                "nodegroup",
                &["status", "version", "instanceTypes", "capacityType", "amiType", "scalingConfig", "health"],
            ),
            Self::Addon => {
                ("ListAddons", "addons", "DescribeAddon", "addonName", "addon", &["status", "addonVersion", "health"])
            }
            Self::Accessentry => (
                "ListAccessEntries",
                "accessEntries",
                "DescribeAccessEntry",
                "principalArn",
                "accessEntry",
                &["type", "username", "kubernetesGroups"],
            ),
            Self::Fargateprofile => (
                "ListFargateProfiles",
                "fargateProfileNames",
                "DescribeFargateProfile",
                "fargateProfileName",
                "fargateProfile",
                &["status", "selectors", "health"],
            ),
            Self::Podidentityassociation => (
                "ListPodIdentityAssociations",
                "associations",
                "DescribePodIdentityAssociation",
                "associationId",
                "association",
                &["namespace", "serviceAccount", "roleArn"],
            ),
        };
        Words { service: "eks", list, listed, describe, named_by, described, shown }
    }

    fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }

    /// The request of a call about one of them.
    fn request(self, cluster: Option<&str>, id: Option<&str>) -> Value {
        let mut request = Map::new();
        if let Some(cluster) = cluster.filter(|_| self != Self::Cluster) {
            request.insert("clusterName".to_owned(), cluster.into());
        }
        if let Some(id) = id {
            request.insert(self.words().named_by.to_owned(), id.into());
        }
        request.into()
    }
}

/// List clusters, or the node groups, add-ons or access entries of one
///
/// With their states and versions. list_k8s_resources lists what is inside of a cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    resource_type: ResourceType,
    /// Name of the cluster, for all but clusters.
    cluster_name: Option<String>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for List {
    const NAME: &'static str = "list_eks_resources";
    const EXAMPLE: &'static str = r#"{"resource_type": "nodegroup", "cluster_name": "train"}"#;
    type Access = Reads;
    type Output = Headed<Listed>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Listed>> {
        let kind = self.resource_type;
        let cluster = self.cluster_name.as_deref();
        if kind != ResourceType::Cluster && cluster.is_none() {
            return Err(Error::validation("argument \"cluster_name\" is missing")
                .hint("resource_type cluster lists the clusters"));
        }
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let words = kind.words();
        let wanted = cx.wanted(self.limit.0, self.cursor.as_ref());
        let found = aws.call_pages(words.service, words.list, kind.request(cluster, None), wanted).await?;
        let ids: Vec<Id> = found.output[words.listed].as_array().into_iter().flatten().filter_map(Id::of).collect();
        let described = ids.into_iter().map(|id| described(&aws, kind, cluster, id));
        let resources: Vec<_> = stream::iter(described).buffered(AT_ONCE).collect().await;
        let summary = match cluster.filter(|_| kind != ResourceType::Cluster) {
            Some(cluster) => format!("{} resources of type {} in cluster {cluster}", resources.len(), kind.name()),
            None => format!("{} clusters in {}", resources.len(), found.region),
        };
        let facts = Listed {
            resource_type: kind,
            cluster_name: self.cluster_name,
            count: resources.len(),
            resources,
            next: found.next,
        };
        Ok(Headed { summary, facts })
    }
}

/// What a list names a resource by.
struct Id {
    id: String,
    name: String,
}

impl Id {
    fn of(listed: &Value) -> Option<Self> {
        if let Some(name) = listed.as_str() {
            return Some(Self { id: name.to_owned(), name: name.to_owned() });
        }
        let text = |member: &str| listed[member].as_str().map(str::to_owned);
        Some(Self { id: text("associationId")?, name: text("associationId")? })
    }
}

/// A row: the name, and what describing it adds. What cannot be described is in the list all the same.
async fn described(aws: &Aws<Reads>, kind: ResourceType, cluster: Option<&str>, id: Id) -> Map<String, Value> {
    let words = kind.words();
    let mut row = Map::from_iter([("name".to_owned(), Value::from(id.name))]);
    match aws.call(words.service, words.describe, kind.request(cluster, Some(&id.id))).await {
        Ok(reply) => {
            let whole = &reply.output[words.described];
            for member in words.shown {
                match &whole[*member] {
                    Value::Null => {}
                    health if *member == "health" => {
                        if let Some(issues) = health["issues"].as_array().filter(|issues| !issues.is_empty()) {
                            row.insert("issues".to_owned(), issues.clone().into());
                        }
                    }
                    value => drop(row.insert(snake(member), value.clone())),
                }
            }
        }
        Err(error) => drop(row.insert("error".to_owned(), error.to_string().into())),
    }
    row
}

/// `addonVersion` is `addon_version`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    resource_type: ResourceType,
    cluster_name: Option<String>,
    count: usize,
    /// Names, states, versions and issues.
    resources: Vec<Map<String, Value>>,
    /// Cursor of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Cursor>,
}

/// Describe one EKS resource: a cluster, node group, add-on or access entry
///
/// Everything that EKS says of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    resource_type: ResourceType,
    /// Name of the cluster.
    cluster_name: Option<String>,
    /// Its name; for an access entry the principal's ARN.
    resource_name: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "describe_eks_resource";
    const EXAMPLE: &'static str = r#"{"resource_type": "addon", "cluster_name": "train", "resource_name": "vpc-cni"}"#;
    type Access = Reads;
    type Output = Headed<Described>;

    async fn run(self, cx: Cx<Reads>) -> Result<Headed<Described>> {
        let kind = self.resource_type;
        let (cluster, name) = match (kind, self.cluster_name, self.resource_name) {
            // A cluster is named by either.
            (ResourceType::Cluster, Some(cluster), Some(name)) if cluster != name => {
                return Err(Error::validation(format!(
                    "cluster_name {cluster:?} and resource_name {name:?} are two clusters"
                )));
            }
            (ResourceType::Cluster, cluster, name) => {
                let name = name.or(cluster).ok_or_else(|| missing("cluster_name"))?;
                (name.clone(), name)
            }
            (_, cluster, name) => {
                (cluster.ok_or_else(|| missing("cluster_name"))?, name.ok_or_else(|| missing("resource_name"))?)
            }
        };
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let words = kind.words();
        let mut reply = aws.call(words.service, words.describe, kind.request(Some(&cluster), Some(&name))).await?;
        let summary = format!("{} {name} of cluster {cluster}", kind.name());
        let facts = Described {
            resource_type: kind,
            cluster_name: cluster,
            resource_name: name,
            resource: reply.output[words.described].take(),
        };
        Ok(Headed { summary, facts })
    }
}

fn missing(argument: &str) -> Error {
    Error::validation(format!("argument {argument:?} is missing")).hint("list_eks_resources lists the names")
}

#[derive(Serialize, JsonSchema)]
struct Described {
    resource_type: ResourceType,
    cluster_name: String,
    resource_name: String,
    /// As EKS has it.
    resource: Value,
}

#[cfg(test)]
mod tests {
    use trainyard_aws::catalogue;

    use super::*;

    #[test]
    fn every_kind_is_asked_about_in_eks_own_words() {
        let eks = catalogue::service("eks").unwrap();
        for kind in [
            ResourceType::Cluster,
            ResourceType::Nodegroup,
            ResourceType::Addon,
            ResourceType::Accessentry,
            ResourceType::Fargateprofile,
            ResourceType::Podidentityassociation,
        ] {
            let words = kind.words();
            let members = |shape| eks.structure(shape).unwrap().members.iter().map(|it| it.name).collect::<Vec<_>>();
            let list = eks.operation(words.list).unwrap();
            assert!(members(list.output.unwrap()).contains(&words.listed), "{kind:?}");
            assert!(list.pages.is_some(), "{kind:?}");
            let describe = eks.operation(words.describe).unwrap();
            assert!(members(describe.input.unwrap()).contains(&words.named_by), "{kind:?}");
            let whole = eks.structure(describe.output.unwrap()).unwrap();
            let whole = whole.members.iter().find(|it| it.name == words.described).unwrap();
            for shown in words.shown {
                assert!(members(whole.shape).contains(shown), "{kind:?} {shown}");
            }
        }
    }
}
