//! Statements of a policy: what they give, and what is alarming about them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use trainyard_contract::{Error, Result};

/// Members that a statement of an identity's policy may have.
const MEMBERS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// Refuses what IAM would refuse, with the statement named.
pub(super) fn check(statements: &[Map<String, Value>]) -> Result<()> {
    if statements.is_empty() {
        return Err(Error::validation("argument \"permissions\" is empty").hint("give at least one statement"));
    }
    for (at, statement) in statements.iter().enumerate() {
        let refused = |why: String| Err(Error::validation(format!("statement {}: {why}", at + 1)));
        if let Some(name) = statement.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let why = match name.as_str() {
                "Principal" | "NotPrincipal" => format!("{name} belongs into a trust or resource policy"),
                _ => format!("{name} is unknown; a statement has {}", MEMBERS.join(", ")),
            };
            return refused(why);
        }
        if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return refused("Effect is Allow or Deny".to_owned());
        }
        for pair in [["Action", "NotAction"], ["Resource", "NotResource"]] {
            let given: Vec<_> = pair.iter().filter(|name| statement.contains_key(**name)).collect();
            let [name] = given[..] else { return refused(format!("it has one of {} and {}", pair[0], pair[1])) };
            if texts(statement, name).is_none_or(|texts| texts.is_empty()) {
                return refused(format!("{name} is a text or a list of texts"));
            }
        }
        if statement.get("Condition").is_some_and(|condition| !condition.is_object()) {
            return refused("Condition is an object".to_owned());
        }
    }
    Ok(())
}

/// A member that is a text or a list of texts.
fn texts(statement: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    match statement.get(name)? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// What is wider than it looks, in words.
pub(super) fn warnings(statements: &[Map<String, Value>]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
            continue;
        }
        let mut warn = |why: String| found.push(format!("statement {}: {why}", at + 1));
        let actions = texts(statement, "Action").unwrap_or_default();
        let resources = texts(statement, "Resource").unwrap_or_default();
        let everywhere = resources.iter().any(|resource| resource == "*");
        if actions.iter().any(|action| action == "*" || action == "*:*") {
            warn(format!(
                "every action of every service{}",
                if everywhere { ", on everything: an administrator" } else { "" }
            ));
        }
        for action in actions.iter().filter(|action| action.ends_with(":*") && *action != "*:*") {
            warn(format!("{action} is every action of the service, deletion included"));
        }
        for name in ["NotAction", "NotResource"] {
            if statement.contains_key(name) {
                warn(format!("{name} allows all that is not named, new services included"));
            }
        }
        let raises = |action: &&String| {
            let action = action.to_ascii_lowercase();
            action.starts_with("iam:") && !action.starts_with("iam:get") && !action.starts_with("iam:list")
                || action == "sts:assumerole"
        };
        for action in actions.iter().filter(raises).filter(|_| everywhere || statement.contains_key("NotResource")) {
            warn(format!("{action} on everything lets the role give itself more rights"));
        }
        if everywhere && statement.get("Condition").is_none() && !actions.iter().any(|action| action == "*") {
            warn("Resource * is everything in the account".to_owned());
        }
    }
    found
}

/// Each thing that statements allow or deny, as a line.
pub(super) fn lines(statements: &[Map<String, Value>]) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for statement in statements {
        let effect = statement.get("Effect").and_then(Value::as_str).unwrap_or_default();
        let condition = statement.get("Condition").map(|condition| format!(" if {condition}")).unwrap_or_default();
        for (all, but) in [("", "Action"), ("all but ", "NotAction")] {
            for action in texts(statement, but).unwrap_or_default() {
                for (every, name) in [("", "Resource"), ("all but ", "NotResource")] {
                    for resource in texts(statement, name).unwrap_or_default() {
                        lines.insert(format!("{effect} {all}{action} on {every}{resource}{condition}"));
                    }
                }
            }
        }
    }
    lines
}

/// The statements of a document.
pub(super) fn statements(document: &Value) -> Vec<Map<String, Value>> {
    match &document["Statement"] {
        Value::Array(items) => items.iter().filter_map(|item| item.as_object().cloned()).collect(),
        Value::Object(one) => vec![one.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(statement: &Value) -> Vec<Map<String, Value>> {
        statements(&json!({ "Statement": statement }))
    }

    #[test]
    fn a_statement_that_iam_would_refuse_is_refused_here() {
        assert!(
            check(&of(&json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::b/*"] })))
                .is_ok()
        );
        for (bad, why) in [
            (json!([]), "empty"),
            (json!({ "Effect": "allow", "Action": "s3:GetObject", "Resource": "*" }), "Allow or Deny"),
            (json!({ "Effect": "Allow", "Resource": "*" }), "one of Action and NotAction"),
            (json!({ "Effect": "Allow", "Action": 1, "Resource": "*" }), "text or a list"),
            (json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Principal": "*" }), "trust"),
            (json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*", "Actions": "*" }), "unknown"),
        ] {
            let error = check(&of(&bad)).unwrap_err();
            assert!(error.message().contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn wildcards_are_warned_about() {
        let warned = |statement: Value| warnings(&of(&statement)).join("\n");
        assert!(warned(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })).contains("administrator"));
        assert!(
            warned(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b" })).contains("deletion")
        );
        assert!(
            warned(json!({ "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*" })).contains("more rights")
        );
        assert!(warned(json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" })).contains("new services"));
        assert_eq!(warned(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })), "");
        assert_eq!(warned(json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*" })), "");
    }

    #[test]
    fn what_a_statement_gives_is_told_line_by_line() {
        let found =
            lines(&of(&json!({ "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "b/*" })));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["Allow s3:GetObject on b/*", "Allow s3:PutObject on b/*"]);
    }
}
