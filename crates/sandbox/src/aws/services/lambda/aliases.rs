//! Aliases: names for versions, which may share calls among two.

use serde_json::{Value, json};

use super::{LATEST, Named, absent, arn, at_revision, conflict, invalid, nothing, text};
use crate::aws::{
    account::{Account, Cx},
    services::{Operations, ec2::shown},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("lambda", "CreateAlias", create),
    ("lambda", "DeleteAlias", delete),
    ("lambda", "GetAlias", get),
    ("lambda", "ListAliases", list),
    ("lambda", "UpdateAlias", update),
];

/// The function of a call, and the id of the alias that it names.
fn named(cx: &Cx<'_>) -> Result<(String, String), Refusal> {
    let name = Named::whole(cx)?;
    let id = format!("{name}/{}", cx.name("Name"));
    Ok((name, id))
}

fn alias<'c>(cx: &'c Cx<'_>) -> Result<(String, &'c Value), Refusal> {
    let (name, id) = named(cx)?;
    let absent = || absent(format!("Cannot find alias arn: {}", arn(cx.account, cx.region, &name, cx.text("Name"))));
    let row = cx.row(Table::LambdaAliases, &id, absent)?;
    Ok((id, row))
}

/// Refuses versions that there are not, and shares that are none.
fn check(cx: &Cx<'_>, name: &str) -> Result<(), Refusal> {
    let weights = cx.input["RoutingConfig"]["AdditionalVersionWeights"].as_object();
    let also = weights.into_iter().flatten();
    if weights.is_some_and(|weights| weights.len() > 1) {
        return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    for (version, weight) in also.clone() {
        if !weight.as_f64().is_some_and(|weight| (0.0..=1.0).contains(&weight)) {
            return Err(invalid(format!("The weight of version {version} is a number from 0.0 to 1.0.")));
        }
        if version == LATEST || cx.text("FunctionVersion") == Some(LATEST) {
            return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
        }
    }
    for version in cx.text("FunctionVersion").into_iter().chain(also.map(|(version, _)| version.as_str())) {
        let named = Named { name: name.to_owned(), qualifier: Some(version.to_owned()) };
        if version != LATEST && cx.get(Table::LambdaVersions, &format!("{name}/{version}")).is_none() {
            return Err(named.absent(cx.account, cx.region));
        }
    }
    Ok(())
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, id) = named(cx)?;
    let alias = cx.name("Name");
    if alias.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("The name of an alias is more than digits: those are versions."));
    }
    check(cx, &name)?;
    let arn = arn(cx.account, cx.region, &name, Some(&alias));
    if cx.get(Table::LambdaAliases, &id).is_some() {
        return Err(conflict(format!("Alias already exists: {arn}")));
    }
    let mut row = json!({
        "AliasArn": arn, "Name": alias, "FunctionVersion": cx.text("FunctionVersion"), "Description": cx.name("Description"),
        "RevisionId": cx.account.random.uid(), "_function": name,
    });
    if cx.input["RoutingConfig"].is_object() {
        row["RoutingConfig"] = cx.input["RoutingConfig"].clone();
    }
    cx.insert(Table::LambdaAliases, &id, row.clone());
    Ok(shown(&row))
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    alias(cx).map(|(_, row)| shown(row))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = Named::whole(cx)?;
    let version = cx.text("FunctionVersion");
    let fits = |row: &&Value| {
        row["_function"] == name.as_str() && version.is_none_or(|version| row["FunctionVersion"] == version)
    };
    Ok(json!({ "Aliases": cx.rows(Table::LambdaAliases).filter(fits).map(shown).collect::<Vec<_>>() }))
}

fn update(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (id, mut row) = alias(cx).map(|(id, row)| (id, row.clone()))?;
    at_revision(cx, &row)?;
    check(cx, text(&row, "_function"))?;
    for member in ["FunctionVersion", "Description", "RoutingConfig"] {
        if !cx.input[member].is_null() {
            row[member] = cx.input[member].clone();
        }
    }
    row["RevisionId"] = cx.account.random.uid().into();
    cx.insert(Table::LambdaAliases, &id, row.clone());
    Ok(shown(&row))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    // One that is gone is no failure.
    let (_, id) = named(cx)?;
    cx.remove(Table::LambdaAliases, &id);
    Ok(nothing())
}

/// The version that a call of an alias goes to: another one than its own as often as it says.
pub(super) fn chosen(account: &mut Account, region: &str, id: &str) -> Option<String> {
    let row = account.row(region, Table::LambdaAliases, id)?;
    let own = text(row, "FunctionVersion").to_owned();
    let also = row["RoutingConfig"]["AdditionalVersionWeights"].as_object().and_then(|weights| weights.iter().next());
    let also = also.and_then(|(version, weight)| Some((version.clone(), weight.as_f64()?)));
    let Some((other, weight)) = also else { return Some(own) };
    let drawn = f64::from(u32::try_from(account.random.below(10_000)).unwrap_or(0)) / 10_000.0;
    Some(if drawn < weight { other } else { own })
}
