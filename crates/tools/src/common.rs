//! Parameters that many tools have. Each type carries its own description and is valid once it exists.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use trainyard_contract::{DEFAULT_LIMIT, Error, MAX_LIMIT, Target};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $description:literal, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(format!(concat!("{:?} is not ", $expected), text)) }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}

text!(
    /// An AWS region. Only what can be a region's name gets in, so that it can stand in a host name.
    Region,
    "AWS region",
    |text| {
        (4..=32).contains(&text.len())
            && text.contains('-')
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    },
    "an AWS region name, such as eu-west-1"
);

text!(
    /// A profile of the shared AWS configuration files.
    Profile,
    "AWS profile",
    |text| (1..=128).contains(&text.len()) && !text.chars().any(char::is_control),
    "a profile name"
);

/// How many rows are wanted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(crate) struct Limit(pub(crate) u32);

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

impl JsonSchema for Limit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // No `default` keyword: it is the same everywhere, and the instructions say it once.
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "description": "Most rows" })
    }
}

/// Where in AWS a call is made, and as whom. Flattened into the tools' parameters: dispatch has checked every name by
/// then, so that no message gets lost.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct At {
    pub(crate) region: Option<Region>,
    pub(crate) profile: Option<Profile>,
}

impl At {
    /// What a change there is aimed at.
    pub(crate) fn target<I: Into<String>>(&self, kind: &str, ids: impl IntoIterator<Item = I>) -> Target {
        let ids = ids.into_iter().map(Into::into).collect();
        aws_target(kind, ids, self.region.as_ref(), self.profile.as_ref())
    }
}

/// Which part of a list is wanted, and where it is asked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct Part {
    /// Only these columns.
    pub(crate) fields: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) limit: Limit,
    /// `next` of the call before.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) region: Option<Region>,
    /// Several regions, or * for all that are enabled; limit counts for each.
    pub(crate) regions: Option<Vec<String>>,
    pub(crate) profile: Option<Profile>,
}

/// What a change in AWS is aimed at.
pub(crate) fn aws_target(kind: &str, ids: Vec<String>, region: Option<&Region>, profile: Option<&Profile>) -> Target {
    Target {
        system: "aws",
        kind: kind.to_owned(),
        ids,
        region: region.map(ToString::to_string),
        profile: profile.map(ToString::to_string),
    }
}

/// What AWS says to a dry run.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DryRun {
    would_succeed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Option<Error>> for DryRun {
    fn from(refusal: Option<Error>) -> Self {
        Self { would_succeed: refusal.is_none(), reason: refusal.map(|error| error.to_string()) }
    }
}

/// Where a list goes on.
pub(crate) type Cursor = trainyard_contract::Cursor;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_cannot_smuggle_anything_into_a_host_name() {
        for good in ["eu-west-1", "us-gov-east-1", "ap-southeast-5", "eusc-de-east-1"] {
            assert!(Region::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "evil.example", "eu-west-1/", "eu-west-1#", "EU-WEST-1", "-eu-west", "a@b-c", "eu west-1"] {
            assert!(Region::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
