//! JMESPath over values: the one place that knows which library does it.

use jpx_core::{
    DEFAULT_RUNTIME, ErrorReason, Expression, JmespathError,
    ast::{Ast, KeyValuePair},
};
use serde_json::Value;
use trainyard_contract::{Error, Result};

/// Longest expression. The longest in any published model has 155 characters.
const MAX_LENGTH: usize = 2000;

/// Most values that a result may be made of, by the estimate of [`growth`].
const MAX_VALUES: u64 = 5_000_000;

/// What a JMESPath expression makes of a value.
///
/// The expression may come from anybody. Its length and nesting are bounded, and one that could copy its input over
/// and over (`[@,@]|[@,@]|…` doubles it with each step) is refused before it runs.
pub fn project(expression: &str, value: &Value) -> Result<Value> {
    if expression.len() > MAX_LENGTH {
        return Err(invalid(format!("the expression is longer than {MAX_LENGTH} characters")));
    }
    let compiled = compile(expression)?;
    let estimate = growth(compiled.as_ast()).saturating_mul(count(value));
    if estimate > MAX_VALUES {
        return Err(invalid("the expression copies its input too many times".to_owned()));
    }
    compiled.search(value).map_err(|error| describe(&error))
}

fn compile(expression: &str) -> Result<Expression<'static>> {
    DEFAULT_RUNTIME.compile(expression).map_err(|error| describe(&error))
}

fn describe(error: &JmespathError) -> Error {
    let place = error.column() + 1;
    match &error.reason {
        ErrorReason::Parse(why) => invalid(format!("the expression is malformed at character {place}: {why}")),
        reason => invalid(format!("the expression fails at character {place}: {reason}")),
    }
}

fn invalid(message: String) -> Error {
    Error::validation(message).code("InvalidQuery").hint("`query` is JMESPath: Reservations[].Instances[].InstanceId")
}

/// How many times larger than its input a result can be, at most.
fn growth(ast: &Ast) -> u64 {
    match ast {
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Slice { .. }
        | Ast::Comparison { .. }
        | Ast::Not { .. } => 1,
        Ast::Literal { value, .. } => count(value),
        Ast::Expref { ast: node, .. } | Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } => growth(node),
        Ast::Condition { then, .. } => growth(then),
        Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } => growth(lhs).max(growth(rhs)),
        Ast::Subexpr { lhs, rhs, .. } | Ast::Projection { lhs, rhs, .. } => growth(lhs).saturating_mul(growth(rhs)),
        Ast::MultiList { elements, .. } => beside_each_other(elements.iter()),
        Ast::MultiHash { elements, .. } => beside_each_other(elements.iter().map(|KeyValuePair { value, .. }| value)),
        // `map(&expression, list)` multiplies; nothing else does more than put its arguments together.
        Ast::Function { args, .. } => {
            let (expressions, values): (Vec<&Ast>, Vec<&Ast>) =
                args.iter().partition(|argument| matches!(argument, Ast::Expref { .. }));
            let values = values.into_iter().fold(0_u64, |sum, value| sum.saturating_add(growth(value)));
            expressions.into_iter().fold(values.max(1), |product, node| product.saturating_mul(growth(node).max(1)))
        }
    }
}

/// Different fields of one object are together no larger than the object; everything else adds up.
fn beside_each_other<'a>(elements: impl Iterator<Item = &'a Ast>) -> u64 {
    let mut seen: Vec<&str> = Vec::new();
    let (mut largest_field, mut rest) = (0_u64, 0_u64);
    for element in elements {
        match first_field(element) {
            Some(name) if !seen.contains(&name) => {
                seen.push(name);
                largest_field = largest_field.max(growth(element));
            }
            _ => rest = rest.saturating_add(growth(element)),
        }
    }
    largest_field.saturating_add(rest).max(1)
}

fn first_field(ast: &Ast) -> Option<&str> {
    match ast {
        Ast::Field { name, .. } => Some(name),
        Ast::Subexpr { lhs, .. } | Ast::Projection { lhs, .. } => first_field(lhs),
        Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } => first_field(node),
        _ => None,
    }
}

/// How many values a value is made of.
fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().fold(1, |sum: u64, item| sum.saturating_add(count(item))),
        Value::Object(entries) => entries.values().fold(1, |sum: u64, item| sum.saturating_add(count(item))),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_projection_picks_what_it_names() {
        let value = json!({"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}}]}]});
        let picked = project("Reservations[].Instances[].{Id: InstanceId, State: State.Name}", &value).unwrap();
        assert_eq!(picked, json!([{"Id": "i-1", "State": "running"}]));
        assert_eq!(project("length(Reservations)", &value).unwrap(), json!(1));
        assert_eq!(project("Nothing.here", &value).unwrap(), Value::Null);
    }

    #[test]
    fn mistakes_are_placed() {
        let error = project("Reservations[", &json!({})).unwrap_err();
        assert_eq!(error.code_str(), "InvalidQuery");
        assert!(error.message().contains("at character"), "{error}");
        assert!(project("nosuch(@)", &json!({})).is_err());
        assert!(project(&"a".repeat(MAX_LENGTH + 1), &json!({})).is_err());
    }

    #[test]
    fn expressions_that_explode_are_refused_before_they_run() {
        let doubling = ["[@,@]"; 60].join("|");
        assert!(project(&doubling, &json!([1, 2])).unwrap_err().message().contains("copies"));
        let nested = "[*].".repeat(100) + "a";
        assert!(project(&nested, &json!([1])).is_ok(), "deep but harmless");
    }
}
