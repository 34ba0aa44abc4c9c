//! Changes of things that have an id, and what would come of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_aws::{Aws, Operation};
use trainyard_contract::{Access, Covers, Reads, Result};

use crate::common::DryRun;

/// Things as they are now, and what AWS says to a dry run of the change.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Asked<T> {
    pub(in crate::aws) now: Vec<T>,
    pub(in crate::aws) dry_run: DryRun,
}

/// The plan of a change.
pub(in crate::aws) async fn asked<T, O: Operation>(aws: &Aws<Reads>, now: Vec<T>, request: &O) -> Result<Asked<T>> {
    Ok(Asked { now, dry_run: aws.dry_run_of(request).await?.into() })
}

/// What AWS says to a dry run for each id.
pub(in crate::aws) async fn dry_runs<O: Operation>(
    aws: &Aws<Reads>,
    ids: &[String],
    request: impl Fn(String) -> O,
) -> Result<BTreeMap<String, DryRun>> {
    let mut said = BTreeMap::new();
    for id in ids {
        said.insert(id.clone(), aws.dry_run_of(&request(id.clone())).await?.into());
    }
    Ok(said)
}

/// What is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Deleted {
    pub(in crate::aws) deleted: String,
}

/// Sends a request that deletes what `id` names.
pub(in crate::aws) async fn delete<A, O>(aws: &Aws<A>, request: O, id: String) -> Result<Deleted>
where
    A: Access + Covers<O::Needs>,
    O: Operation,
{
    aws.send(&request).await?;
    Ok(Deleted { deleted: id })
}
