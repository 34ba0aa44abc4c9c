//! EC2 key pairs: make or import them, find them, delete them.

mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, CallDef, Changes, Covers, Destroys, Effect, Error, ErrorKind, Json, Listing, Needs, Preview, Reads, Result,
    Target, Tool, ToolDef,
};

use self::wire::{CreateKeyPair, DeleteKeyPair, DescribeKeyPairs, ImportKeyPair, KeyPair};
use super::{
    instances::wire::{DescribeInstances, Filter as InstanceFilter},
    tagged::{filters, specification, split},
};
use crate::{
    App, Cx,
    common::{DryRun, Profile, Region, aws_target},
    key_file::KeyFile,
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<Describe>().formerly(&["ec2.describe_keypairs", "ec2.list_keypairs", "ec2_list_keypairs"]),
    ToolDef::by_effect(Create::NAME, needs, &[CallDef::changes::<Create>()])
        .formerly(&["ec2.create_keypair", "ec2_import_keypair"]),
    ToolDef::destroys::<Delete>().formerly(&["ec2.delete_keypair"]),
];

/// List EC2 key pairs with type, fingerprint and age
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Describe {
    /// Only these names.
    key_names: Option<Vec<String>>,
    /// Only these key pair IDs.
    key_pair_ids: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    /// Show the public keys.
    include_public_key: Option<bool>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for Describe {
    const NAME: &'static str = "ec2_describe_keypairs";
    const EXAMPLE: &'static str = r#"{"tags": {"team": "vision"}}"#;
    type Access = Reads;
    type Output = Listing<KeyPairRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<KeyPairRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let question = DescribeKeyPairs {
            key_names: self.key_names.unwrap_or_default(),
            key_pair_ids: self.key_pair_ids.unwrap_or_default(),
            include_public_key: self.include_public_key,
            filters: filters(Vec::new(), self.tags.as_ref()),
        };
        let (reply, region) = aws.send_whole(&question).await?;
        Ok(Listing::whole(reply.key_pairs.into_iter().map(KeyPairRow::from).collect()).about("region", region))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum KeyType {
    Ed25519,
    Rsa,
}

/// Create an EC2 key pair, or import the public half of one
///
/// The private key goes to a file that only this machine's user can read; the answer has its path, never the key. Making one needs both gates, importing that of changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Name, new in this region.
    key_name: String,
    /// ed25519 when absent; Windows needs rsa.
    key_type: Option<KeyType>,
    /// Import this OpenSSH public key; nothing secret is made then.
    public_key: Option<String>,
    /// Tags.
    tags: Option<BTreeMap<String, String>>,
    region: Option<Region>,
    profile: Option<Profile>,
}

/// EC2 answers with the private key of a pair that it makes, and with nothing secret to a public key.
#[expect(clippy::unnecessary_wraps, reason = "the form of such functions")]
fn needs(arguments: &Value) -> Result<Needs> {
    Ok(Needs { effect: Effect::Changes, reveals: arguments.get("public_key").is_none(), spends: false })
}

/// What is sent: the two ways to a key pair.
enum Request {
    Create(CreateKeyPair),
    Import(ImportKeyPair),
}

impl Create {
    fn request(&self) -> Result<Request> {
        let tag_specifications = specification("key-pair", self.tags.clone());
        let key_name = self.key_name.clone();
        match (&self.public_key, self.key_type) {
            (Some(_), Some(_)) => Err(Error::validation("`key_type` does not go with `public_key`, which has its own")),
            (Some(key), None) if key.contains("PRIVATE KEY") => {
                Err(Error::validation("that is a private key; nothing was sent")
                    .hint("give the file that ends in .pub"))
            }
            (Some(key), None) => {
                let public_key_material = trainyard_aws::to_base64(key.trim().as_bytes());
                Ok(Request::Import(ImportKeyPair { key_name, public_key_material, tag_specifications }))
            }
            (None, kind) => {
                let key_type = kind.unwrap_or(KeyType::Ed25519);
                Ok(Request::Create(CreateKeyPair { key_name, key_type, tag_specifications }))
            }
        }
    }
}

impl Tool<App> for Create {
    const NAME: &'static str = "ec2_create_keypair";
    const EXAMPLE: &'static str =
        r#"{"key_name": "vision-training", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleKey me"}"#;
    type Access = Changes;
    type Output = Json<Made>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Made>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        match self.request()? {
            Request::Import(request) => {
                let (made, region) = aws.send_whole(&request).await?;
                Ok(Json(Made {
                    region,
                    key_name: made.key_name,
                    key_pair_id: made.key_pair_id,
                    fingerprint: made.key_fingerprint,
                    stored_at: None,
                }))
            }
            Request::Create(request) => {
                // The place first: a key that nobody could keep would be lost.
                let file = KeyFile::reserve(&cx.state_dir()?.join("keys"), &request.key_name)?;
                let (made, region) = aws.send_whole(&request).await?;
                let path = file.fill(&made.key_material).map_err(|error| {
                    error
                        .partial([format!("key pair {} was made, its private key is lost", request.key_name)])
                        .hint("delete it with ec2_delete_keypair and make another")
                })?;
                Ok(Json(Made {
                    region,
                    key_name: made.key_name,
                    key_pair_id: made.key_pair_id,
                    fingerprint: made.key_fingerprint,
                    stored_at: Some(path.display().to_string()),
                }))
            }
        }
    }
}

impl Preview<App> for Create {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("key pair", vec![self.key_name.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let (refusal, keep_in) = match self.request()? {
            Request::Create(request) => {
                (aws.dry_run_of(&request).await?, Some(cx.state_dir()?.join("keys").display().to_string()))
            }
            Request::Import(request) => (aws.dry_run_of(&request).await?, None),
        };
        Ok(Asked { private_key_kept_in: keep_in, dry_run: refusal.into() })
    }
}

/// Delete an EC2 key pair
///
/// Instances that were launched with it keep its public key and can still be reached. The private key's file stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Delete {
    /// Name; or key_pair_id.
    key_name: Option<String>,
    /// Key pair ID; or key_name.
    key_pair_id: Option<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Delete {
    fn id(&self) -> Result<&str> {
        match (&self.key_name, &self.key_pair_id) {
            (Some(id), None) | (None, Some(id)) => Ok(id),
            _ => Err(Error::validation("one of `key_name` and `key_pair_id` is wanted")),
        }
    }

    /// The key pair, if it is there. AWS says yes to the deletion of one that is not.
    async fn find<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Option<KeyPair>> {
        self.id()?;
        let question = DescribeKeyPairs {
            key_names: self.key_name.iter().cloned().collect(),
            key_pair_ids: self.key_pair_id.iter().cloned().collect(),
            ..DescribeKeyPairs::default()
        };
        match aws.send(&question).await {
            Ok(reply) => Ok(reply.key_pairs.into_iter().next()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn request(&self) -> DeleteKeyPair {
        DeleteKeyPair { key_name: self.key_name.clone(), key_pair_id: self.key_pair_id.clone() }
    }
}

impl Tool<App> for Delete {
    const NAME: &'static str = "ec2_delete_keypair";
    const EXAMPLE: &'static str = r#"{"key_name": "vision-training"}"#;
    type Access = Destroys;
    type Output = Json<Deleted>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Deleted>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let Some(pair) = self.find(&aws).await? else {
            return Ok(Json(Deleted { deleted: false, existed: false, key_pair: None }));
        };
        aws.send(&self.request()).await?;
        Ok(Json(Deleted { deleted: true, existed: true, key_pair: Some(pair.into()) }))
    }
}

impl Preview<App> for Delete {
    type Plan = Lost;

    fn target(&self) -> Target {
        let ids = self.key_name.iter().chain(&self.key_pair_id).cloned().collect();
        aws_target("key pair", ids, self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Lost> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let Some(pair) = self.find(&aws).await? else {
            return Err(
                Error::not_found("key pair", self.id()?).hint("ec2_describe_keypairs shows those of this region")
            );
        };
        let having = InstanceFilter::new("key-name", vec![pair.key_name.clone()]);
        let question = DescribeInstances { instance_ids: Vec::new(), filters: vec![having] };
        let users = aws.list(&question, cx.wanted(trainyard_contract::MAX_LIMIT, None)).await?.items;
        let launched_with_it = users.into_iter().map(|instance| instance.instance_id).collect();
        let dry_run = aws.dry_run_of(&self.request()).await?.into();
        Ok(Lost { key_pair: pair.into(), launched_with_it, dry_run })
    }
}

/// A key pair, without anything secret.
#[derive(Debug, Serialize, JsonSchema)]
struct KeyPairRow {
    key_name: String,
    key_pair_id: Option<String>,
    #[serde(rename = "type")]
    key_type: Option<String>,
    fingerprint: Option<String>,
    created: Option<String>,
    public_key: Option<String>,
    tags: BTreeMap<String, String>,
}

impl From<KeyPair> for KeyPairRow {
    fn from(pair: KeyPair) -> Self {
        let (name, mut tags) = split(pair.tags);
        tags.extend(name.map(|name| ("Name".to_owned(), name)));
        Self {
            key_name: pair.key_name,
            key_pair_id: pair.key_pair_id,
            key_type: pair.key_type,
            fingerprint: pair.key_fingerprint,
            created: pair.create_time,
            public_key: pair.public_key.map(|key| key.trim().to_owned()),
            tags,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Made {
    region: String,
    key_name: String,
    key_pair_id: Option<String>,
    fingerprint: Option<String>,
    /// File with the private key, readable by its owner alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Asked {
    /// Folder that the private key would be written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key_kept_in: Option<String>,
    dry_run: DryRun,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    deleted: bool,
    /// Whether there was such a key pair.
    existed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_pair: Option<KeyPairRow>,
}

#[derive(Serialize, JsonSchema)]
struct Lost {
    key_pair: KeyPairRow,
    /// Instances launched with it, up to 1,000: they keep the public key.
    launched_with_it: Vec<String>,
    dry_run: DryRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(arguments: &str) -> Create {
        serde_json::from_str(arguments).unwrap()
    }

    #[test]
    fn a_private_key_is_not_taken_for_a_public_one() {
        let sent = create(r#"{"key_name": "k", "public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}"#).request();
        assert!(sent.is_err_and(|error| error.message().contains("private key")));
        let sent = create(r#"{"key_name": "k", "public_key": "ssh-ed25519 AAAA me", "key_type": "rsa"}"#).request();
        assert!(sent.is_err());
    }

    #[test]
    fn ed25519_unless_something_else_is_asked_for() {
        let Ok(Request::Create(sent)) = create(r#"{"key_name": "k"}"#).request() else { panic!("not created") };
        assert_eq!(sent.key_type, KeyType::Ed25519);
        assert!(sent.tag_specifications.is_empty());
    }

    #[test]
    fn a_key_pair_is_named_in_one_way() {
        let delete = |arguments: &str| serde_json::from_str::<Delete>(arguments).unwrap();
        assert!(delete("{}").id().is_err());
        assert!(delete(r#"{"key_name": "a", "key_pair_id": "key-1"}"#).id().is_err());
        assert_eq!(delete(r#"{"key_pair_id": "key-1"}"#).id().unwrap(), "key-1");
    }
}
