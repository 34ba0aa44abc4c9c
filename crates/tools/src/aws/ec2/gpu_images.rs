//! Images to start GPU instances from, by what they are for rather than by id.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::{Operation, Paged};
use trainyard_contract::{Listing, Reads, Result, Tool, ToolDef};

use super::tagged::{Filter, filters, whole};
use crate::{App, Cx, common::At};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<FindAmi>()];

/// Images that are shown when nobody says how many.
const SHOWN: usize = 3;

/// Accounts of Canonical in each partition.
const CANONICAL: [&str; 3] = ["099720109477", "513442679011", "837727238323"];

/// Find the newest official image for GPUs, Amazon Linux or Ubuntu, by what it is for
///
/// AMI IDs differ from region to region. Newest first; published by AWS and Canonical only.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FindAmi {
    /// What it is for; dlami are AWS's deep learning images, with drivers.
    kind: Kind,
    /// x86_64 when absent.
    #[serde(default)]
    arch: Architecture,
    /// Part of the name, such as Ubuntu 24.04 or PyTorch 2.8.
    name: Option<String>,
    /// How many, 3 when absent.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    #[serde(flatten)]
    at: At,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    DlamiPytorch,
    DlamiBase,
    DlamiNeuron,
    Al2023,
    Ubuntu,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    Arm64,
}

impl FindAmi {
    fn question(&self) -> DescribeImages {
        let (pattern, architecture) = match (self.kind, self.arch) {
            (Kind::DlamiPytorch, Architecture::X86) => ("Deep Learning OSS Nvidia Driver AMI GPU PyTorch *", "x86_64"),
            (Kind::DlamiPytorch, Architecture::Arm64) => {
                ("Deep Learning ARM64 AMI OSS Nvidia Driver GPU PyTorch *", "arm64")
            }
            (Kind::DlamiBase, Architecture::X86) => ("Deep Learning Base OSS Nvidia Driver GPU AMI *", "x86_64"),
            (Kind::DlamiBase, Architecture::Arm64) => ("Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI *", "arm64"),
            (Kind::DlamiNeuron, Architecture::X86) => ("Deep Learning AMI Neuron *", "x86_64"),
            (Kind::DlamiNeuron, Architecture::Arm64) => ("Deep Learning AMI Neuron *", "arm64"),
            (Kind::Al2023, Architecture::X86) => ("al2023-ami-2023.*", "x86_64"),
            (Kind::Al2023, Architecture::Arm64) => ("al2023-ami-2023.*", "arm64"),
            (Kind::Ubuntu, Architecture::X86) => ("ubuntu/images/hvm-ssd*/ubuntu-*-server-*", "x86_64"),
            (Kind::Ubuntu, Architecture::Arm64) => ("ubuntu/images/hvm-ssd*/ubuntu-*-server-*", "arm64"),
        };
        let owners = match self.kind {
            Kind::Ubuntu => CANONICAL.map(str::to_owned).to_vec(),
            _ => vec!["amazon".to_owned()],
        };
        let asked = [("name", pattern), ("architecture", architecture), ("state", "available")];
        let asked = asked.into_iter().map(|(name, value)| (name, vec![value.to_owned()])).collect();
        DescribeImages { owners, filters: filters(asked, None) }
    }
}

impl Tool<App> for FindAmi {
    const NAME: &'static str = "ec2_find_ami";
    const EXAMPLE: &'static str = r#"{"kind": "dlami_pytorch", "name": "Ubuntu"}"#;
    type Access = Reads;
    type Output = Listing<Image>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Image>> {
        let mut found = whole(&cx, &cx.at(&self.at), &self.question()).await?;
        let wanted = self.name.unwrap_or_default().to_lowercase();
        found.retain(|image| image.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&wanted)));
        found.sort_by(|one, other| other.creation_date.cmp(&one.creation_date));
        found.truncate(self.limit.map_or(SHOWN, |limit| usize::try_from(limit).unwrap_or(SHOWN)));
        Ok(Listing::whole(found))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeImages {
    owners: Vec<String>,
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Images {
    #[serde(default)]
    images: Vec<Image>,
}

/// One image.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
struct Image {
    image_id: String,
    name: Option<String>,
    #[serde(rename(serialize = "created"))]
    creation_date: Option<String>,
    architecture: Option<String>,
    root_device_name: Option<String>,
    #[serde(rename(serialize = "deprecated_from"))]
    deprecation_time: Option<String>,
}

impl Operation for DescribeImages {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeImages";
    type Needs = Reads;
    type Reply = Images;
}

impl Paged for DescribeImages {
    type Item = Image;

    fn page_size(&self) -> Option<RangeInclusive<u32>> {
        Some(1..=1000)
    }

    fn items(reply: Images) -> Vec<Image> {
        reply.images
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeImages>();
    }
}
