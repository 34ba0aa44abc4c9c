//! Versions: what a function was when it was published.

use serde_json::{Value, json};

use super::{
    LATEST, Named, absent, arn, at_revision, conflict,
    functions::{answered, in_list, is_ready},
    invalid, text,
};
use crate::aws::{
    account::{Account, Cx},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations =
    &[("lambda", "ListVersionsByFunction", list), ("lambda", "PublishVersion", publish_version)];

/// Versions of a function, oldest first.
fn of<'a>(account: &'a Account, region: &str, name: &str) -> impl Iterator<Item = &'a Value> {
    account.rows(region, Table::LambdaVersions).filter(move |row| row["FunctionName"] == name)
}

/// Their ids.
pub(super) fn ids(account: &Account, region: &str, name: &str) -> Vec<String> {
    of(account, region, name).map(|row| format!("{name}/{}", text(row, "Version"))).collect()
}

/// Publishes what a function is; where that has not changed since it was published last, that version is it.
pub(super) fn publish(account: &mut Account, region: &str, name: &str, description: &str) -> Value {
    let function = account.row(region, Table::LambdaFunctions, name).cloned().unwrap_or_default();
    if function["_changed"] != true
        && let Some(last) = of(account, region, name).last()
    {
        return last.clone();
    }
    let number = function["_published"].as_u64().unwrap_or(0) + 1;
    let mut row = function;
    row["Version"] = number.to_string().into();
    row["FunctionArn"] = arn(account, region, name, Some(&number.to_string())).into();
    row["RevisionId"] = account.random.uid().into();
    if !description.is_empty() {
        row["Description"] = description.into();
    }
    account.insert(region, Table::LambdaVersions, &format!("{name}/{number}"), row.clone());
    if let Some(function) = account.row_mut(region, Table::LambdaFunctions, name) {
        function["_published"] = number.into();
        function["_changed"] = false.into();
    }
    row
}

fn publish_version(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = Named::whole(cx)?;
    let row = cx.get(Table::LambdaFunctions, &name).cloned().unwrap_or_default();
    at_revision(cx, &row)?;
    is_ready(&row)?;
    if cx.text("CodeSha256").is_some_and(|wanted| row["CodeSha256"] != wanted) {
        let (given, is) = (cx.name("CodeSha256"), text(&row, "CodeSha256"));
        return Err(invalid(format!("CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({is}).")));
    }
    let description = cx.name("Description");
    Ok(answered(&publish(cx.account, cx.region, &name, &description)))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = Named::whole(cx)?;
    let mut latest = cx.get(Table::LambdaFunctions, &name).map(in_list).unwrap_or_default();
    latest["FunctionArn"] = arn(cx.account, cx.region, &name, Some(LATEST)).into();
    let rows: Vec<Value> = std::iter::once(latest).chain(of(cx.account, cx.region, &name).map(in_list)).collect();
    Ok(json!({ "Versions": rows }))
}

/// Deletes a version that no alias points to.
pub(super) fn delete(cx: &mut Cx<'_>, name: &str, version: &str) -> Result<(), Refusal> {
    let named = Named { name: name.to_owned(), qualifier: Some(version.to_owned()) };
    let id = format!("{name}/{version}");
    if cx.get(Table::LambdaVersions, &id).is_none() {
        return Err(absent(format!(
            "Function not found: {}",
            arn(cx.account, cx.region, &named.name, named.qualifier.as_deref())
        )));
    }
    let points = |row: &&Value| {
        row["_function"] == name
            && (row["FunctionVersion"] == version
                || !row["RoutingConfig"]["AdditionalVersionWeights"][version].is_null())
    };
    if let Some(alias) = cx.rows(Table::LambdaAliases).find(points) {
        return Err(conflict(format!(
            "Version {version} cannot be deleted: the alias {} points to it.",
            text(alias, "Name")
        )));
    }
    cx.remove(Table::LambdaVersions, &id);
    Ok(())
}
