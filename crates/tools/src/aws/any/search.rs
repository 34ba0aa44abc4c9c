//! Find an operation by what it is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::catalogue::{self, Hit, model::AccessLevel};
use trainyard_contract::{Error, Listing, Reads, Result, Tool};

use crate::{App, Cx};

/// Find AWS operations among all services by words
///
/// Needs no credentials. Then aws_describe says what an operation takes and aws_call makes the call.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// What it is about, such as "list gpu capacity reservations".
    query: String,
    /// Only this service.
    service: Option<String>,
    /// Only operations that read.
    #[serde(default)]
    read_only: bool,
    /// Most rows.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
}

fn ten() -> u32 {
    10
}

impl Tool<App> for Search {
    const NAME: &'static str = "aws_search";
    const EXAMPLE: &'static str = r#"{"query": "list gpu capacity reservations"}"#;
    type Access = Reads;
    type Output = Listing<Found>;

    async fn run(self, _: Cx<Reads>) -> Result<Listing<Found>> {
        if self.query.trim().is_empty() {
            return Err(Error::validation("the query is empty").hint("say what the operation is about, in a few words"));
        }
        let service = self.service.as_deref().map(catalogue::service).transpose()?;
        let wanted = |hit: &Hit| {
            service.is_none_or(|service| service.name == hit.service)
                && (!self.read_only || hit.access == AccessLevel::Read)
        };
        // Filters come after the ranking, so rank more than are asked for.
        let narrowed = self.read_only || service.is_some();
        let ranked = catalogue::search(&self.query, if narrowed { 20_000 } else { self.limit as usize });
        let found = ranked.into_iter().filter(wanted).take(self.limit as usize).map(Found::from).collect();
        Ok(Listing::whole(found))
    }
}

/// One operation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Found {
    service: &'static str,
    operation: &'static str,
    access: Access,
}

/// What an operation may do.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    Read,
    /// Shows secrets or content of others.
    Sensitive,
    Write,
    /// Not classified; treated as a write.
    Unknown,
}

impl From<AccessLevel> for Access {
    fn from(level: AccessLevel) -> Self {
        match level {
            AccessLevel::Read => Self::Read,
            AccessLevel::Sensitive => Self::Sensitive,
            AccessLevel::Write => Self::Write,
            AccessLevel::Unknown => Self::Unknown,
        }
    }
}

impl From<Hit> for Found {
    fn from(hit: Hit) -> Self {
        Self { service: hit.service, operation: hit.operation, access: hit.access.into() }
    }
}
