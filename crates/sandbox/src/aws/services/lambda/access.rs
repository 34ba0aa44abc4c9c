//! What stands around functions: tags, who may call them, and how many calls may be under way.

use serde_json::{Value, json};

use super::{
    Named, absent, conflict,
    functions::{CONCURRENCY, UNRESERVED, by_arn},
    invalid, nothing, text, touch,
};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(super) const OPERATIONS: Operations = &[
    ("lambda", "AddPermission", allow),
    ("lambda", "DeleteFunctionConcurrency", unreserve),
    ("lambda", "GetFunctionConcurrency", reserved),
    ("lambda", "GetPolicy", policy),
    ("lambda", "ListTags", tags),
    ("lambda", "PutFunctionConcurrency", reserve),
    ("lambda", "RemovePermission", disallow),
    ("lambda", "TagResource", tag),
    ("lambda", "UntagResource", untag),
];

fn tags(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = by_arn(cx, &cx.name("Resource"))?;
    Ok(json!({ "Tags": cx.get(Table::LambdaFunctions, &name).map(|row| row["_tags"].clone()) }))
}

fn tag(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = by_arn(cx, &cx.name("Resource"))?;
    let given = cx.input["Tags"].clone();
    if let Some(row) = cx.row_mut(Table::LambdaFunctions, &name) {
        for (key, value) in given.as_object().into_iter().flatten() {
            row["_tags"][key.as_str()] = value.clone();
        }
    }
    Ok(nothing())
}

fn untag(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, keys) = (by_arn(cx, &cx.name("Resource"))?, cx.texts("TagKeys"));
    if let Some(Value::Object(tags)) = cx.row_mut(Table::LambdaFunctions, &name).map(|row| &mut row["_tags"]) {
        tags.retain(|key, _| !keys.contains(key));
    }
    Ok(nothing())
}

fn reserved(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = Named::whole(cx)?;
    let reserved = cx.get(Table::LambdaFunctions, &name).map(|row| row["_reserved"].clone()).unwrap_or_default();
    Ok(if reserved.is_null() { nothing() } else { json!({ "ReservedConcurrentExecutions": reserved }) })
}

fn reserve(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = Named::whole(cx)?;
    let wanted = cx.input["ReservedConcurrentExecutions"].as_i64().unwrap_or_default();
    let others = cx.rows(Table::LambdaFunctions).filter(|row| row["FunctionName"] != name.as_str());
    let others: i64 = others.filter_map(|row| row["_reserved"].as_i64()).sum();
    if wanted < 0 || wanted > CONCURRENCY - UNRESERVED - others {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum \
             value of [{UNRESERVED}]."
        )));
    }
    cx.put(Table::LambdaFunctions, &name, "/_reserved", wanted.into());
    Ok(json!({ "ReservedConcurrentExecutions": wanted }))
}

fn unreserve(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = Named::whole(cx)?;
    cx.put(Table::LambdaFunctions, &name, "/_reserved", Value::Null);
    Ok(nothing())
}

/// The function of a call, the version or alias whose policy is meant, and the statements of that.
fn statements(cx: &Cx<'_>) -> Result<(String, String, Vec<Value>), Refusal> {
    let named = Named::of(cx)?;
    named.configuration(cx.account, cx.region)?;
    let qualifier = named.qualifier.unwrap_or_default();
    let row = cx.get(Table::LambdaFunctions, &named.name);
    let known = row.and_then(|row| row["_policies"][qualifier.as_str()].as_array().cloned()).unwrap_or_default();
    Ok((named.name, qualifier, known))
}

fn keep(cx: &mut Cx<'_>, name: &str, qualifier: &str, statements: Vec<Value>) {
    if let Some(row) = cx.row_mut(Table::LambdaFunctions, name) {
        row["_policies"][qualifier] = statements.into();
    }
    touch(cx.account, cx.region, name);
}

fn allow(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, qualifier, mut known) = statements(cx)?;
    let id = cx.name("StatementId");
    if known.iter().any(|statement| statement["Sid"] == id.as_str()) {
        return Err(conflict(format!(
            "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
        )));
    }
    let principal = cx.name("Principal");
    let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    let principal = match principal.as_str() {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        account if is_account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
        arn if arn.starts_with("arn:") => json!({ "AWS": arn }),
        _ => return Err(invalid("The provided principal was invalid. Please check the principal and try again.")),
    };
    let function = super::arn(cx.account, cx.region, &name, Some(qualifier.as_str()).filter(|it| !it.is_empty()));
    let mut statement = json!({ "Sid": id, "Effect": "Allow", "Principal": principal, "Action": cx.text("Action"), "Resource": function });
    if let Some(source) = cx.text("SourceArn") {
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = source.into();
    }
    for (member, key) in [("SourceAccount", "AWS:SourceAccount"), ("PrincipalOrgID", "aws:PrincipalOrgID")] {
        if let Some(value) = cx.text(member) {
            statement["Condition"]["StringEquals"][key] = value.into();
        }
    }
    known.push(statement.clone());
    keep(cx, &name, &qualifier, known);
    Ok(json!({ "Statement": statement.to_string() }))
}

fn no_policy() -> Refusal {
    absent("The resource you requested does not exist.")
}

fn policy(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, _, known) = statements(cx)?;
    if known.is_empty() {
        return Err(no_policy());
    }
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": known });
    let revision = cx.get(Table::LambdaFunctions, &name).map(|row| row["RevisionId"].clone());
    Ok(json!({ "Policy": policy.to_string(), "RevisionId": revision }))
}

fn disallow(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, qualifier, mut known) = statements(cx)?;
    let (id, before) = (cx.name("StatementId"), known.len());
    known.retain(|statement| text(statement, "Sid") != id);
    if known.len() == before {
        return Err(absent(format!("Statement {id} is not found in resource policy.")));
    }
    keep(cx, &name, &qualifier, known);
    Ok(nothing())
}
