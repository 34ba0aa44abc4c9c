//! Scopes and the grants that they are: `ec2:write` is leave to change what the toolset `ec2` changes, and
//! `trainyard:read` to read everywhere.

use serde_json::Value;
use trainyard_contract::Effect;
use trainyard_dispatch::Grant;

/// The word that stands for every toolset.
const ALL: &str = "trainyard";
const WORDS: [(&str, Effect); 4] =
    [("read", Effect::Reads), ("sensitive", Effect::Reveals), ("write", Effect::Changes), ("delete", Effect::Destroys)];

/// The scopes that are good in every toolset.
pub(super) const EVERYWHERE: [&str; 4] =
    ["trainyard:read", "trainyard:sensitive", "trainyard:write", "trainyard:delete"];

/// What a token's scopes allow. Scopes of other servers are passed over.
pub(super) fn grants(scope: Option<&str>, scp: Option<&Value>) -> Vec<Grant> {
    let one = scope.into_iter().chain(scp.and_then(Value::as_str)).flat_map(str::split_whitespace);
    let many = scp.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.chain(many).filter_map(grant).collect()
}

fn grant(scope: &str) -> Option<Grant> {
    let (toolset, word) = scope.split_once(':')?;
    let (_, effect) = WORDS.iter().find(|(name, _)| *name == word)?;
    let toolset = (toolset != ALL).then(|| toolset.to_owned());
    Some(Grant { toolset, effect: *effect })
}

/// The scope that is a grant.
pub(super) fn name(grant: &Grant) -> String {
    let word = WORDS.iter().find_map(|(word, effect)| (*effect == grant.effect).then_some(*word));
    format!("{}:{}", grant.toolset.as_deref().unwrap_or(ALL), word.unwrap_or("read"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_are_read_in_the_ways_that_providers_write_them() {
        let expected = [
            Grant { toolset: None, effect: Effect::Reads },
            Grant { toolset: Some("ec2".into()), effect: Effect::Changes },
        ];
        let list = json!(["openid", "trainyard:read", "ec2:write"]);
        assert_eq!(grants(Some("openid trainyard:read ec2:write ec2:all :"), None), expected);
        assert_eq!(grants(None, Some(&list)), expected);
        assert_eq!(grants(None, Some(&json!("trainyard:read ec2:write"))), expected);
        assert_eq!(expected.each_ref().map(name), ["trainyard:read", "ec2:write"]);
        assert!(grants(None, None).is_empty());
    }
}
