//! The operations behind the tools: the members that we send and those that we read.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Destroys, Reads};

use super::{
    super::tagged::{Filter, Tag, TagSpecification},
    KeyType,
};

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DescribeKeyPairs {
    pub(super) key_names: Vec<String>,
    pub(super) key_pair_ids: Vec<String>,
    pub(super) include_public_key: Option<bool>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct KeyPairs {
    #[serde(default)]
    pub(super) key_pairs: Vec<KeyPair>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct KeyPair {
    pub(super) key_name: String,
    pub(super) key_pair_id: Option<String>,
    pub(super) key_type: Option<String>,
    pub(super) key_fingerprint: Option<String>,
    pub(super) create_time: Option<String>,
    pub(super) public_key: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

impl Operation for DescribeKeyPairs {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeKeyPairs";
    type Needs = Reads;
    type Reply = KeyPairs;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct CreateKeyPair {
    pub(super) key_name: String,
    pub(super) key_type: KeyType,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

/// The only place where a private key is held. Neither `Debug` nor `Serialize`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct PrivateKeyPair {
    pub(super) key_name: String,
    pub(super) key_pair_id: Option<String>,
    pub(super) key_fingerprint: Option<String>,
    pub(super) key_material: String,
}

impl Operation for CreateKeyPair {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "CreateKeyPair";
    type Needs = Changes;
    type Reply = PrivateKeyPair;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct ImportKeyPair {
    pub(super) key_name: String,
    pub(super) public_key_material: String,
    pub(super) tag_specifications: Vec<TagSpecification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Imported {
    pub(super) key_name: String,
    pub(super) key_pair_id: Option<String>,
    pub(super) key_fingerprint: Option<String>,
}

impl Operation for ImportKeyPair {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "ImportKeyPair";
    type Needs = Changes;
    type Reply = Imported;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct DeleteKeyPair {
    pub(super) key_name: Option<String>,
    pub(super) key_pair_id: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Gone {}

impl Operation for DeleteKeyPair {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DeleteKeyPair";
    type Needs = Destroys;
    type Reply = Gone;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeKeyPairs>();
        check::<CreateKeyPair>();
        check::<ImportKeyPair>();
        check::<DeleteKeyPair>();
    }
}
