//! The policy file: what it may say, and what is wrong with it.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use trainyard_contract::{Effect, Error, Result, nearest};

use crate::{audit::hex, policy::decide::Verdict};

/// What an operator allows, beside the gates. Read once, at start.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(crate) rules: File,
    digest: Option<String>,
}

/// What a trainyard server lets its callers do, below the gates --allow-write and --allow-sensitive-data-access
///
/// Every pattern may hold `*`. Of several rules that fit, "deny" goes before "confirm", and "confirm" before "allow".
/// What a rule asks for and nobody knows counts as fitting for "deny" and "confirm", and as not fitting for "allow".
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Policy of a trainyard server")]
pub(crate) struct File {
    /// What becomes of calls that no rule fits; what is left out is allowed below the gates.
    #[serde(default)]
    pub(crate) default: Defaults,
    /// Allow-lists: a call that would reach anything else is refused.
    #[serde(default)]
    pub(crate) only: Places,
    /// What no call may change: one pattern that fits is enough.
    #[serde(default)]
    pub(crate) protected: Places,
    /// How much one call, and one caller, may do.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Rules, each with a name of its own.
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<Rule>,
}

/// What becomes of calls that no rule fits, by what they do.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defaults {
    /// Calls that change nothing and show no secret.
    pub(crate) reads: Option<Verdict>,
    /// Calls that show secrets or content of others.
    pub(crate) reveals: Option<Verdict>,
    /// Calls that make or alter something.
    pub(crate) changes: Option<Verdict>,
    /// Calls that cannot be undone.
    pub(crate) destroys: Option<Verdict>,
}

impl Defaults {
    pub(crate) fn of(self, effect: Effect) -> Option<Verdict> {
        match effect {
            Effect::Reads => self.reads,
            Effect::Reveals => self.reveals,
            Effect::Changes => self.changes,
            Effect::Destroys => self.destroys,
        }
    }
}

/// Places and things, by patterns.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Places {
    /// AWS account ids.
    pub(crate) accounts: Vec<String>,
    /// AWS regions.
    pub(crate) regions: Vec<String>,
    /// AWS profiles; "default" where a call names none.
    pub(crate) profiles: Vec<String>,
    /// Clusters.
    pub(crate) clusters: Vec<String>,
    /// Kubernetes namespaces.
    pub(crate) namespaces: Vec<String>,
    /// Kinds of things, as plans and the audit log name them: "ec2 instance".
    pub(crate) kinds: Vec<String>,
    /// Their ids or names.
    pub(crate) ids: Vec<String>,
    /// Tags or labels: key and pattern of the value.
    pub(crate) tags: BTreeMap<String, String>,
}

/// One rule. It fits a call when everything that it asks for fits; what is left out is not asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Shown to whoever it refuses, and in the audit log.
    pub(crate) name: String,
    /// What becomes of a call that fits.
    pub(crate) verdict: Verdict,
    /// With "allow": ask nobody, not even about what destroys. Needs `tools` without `*`.
    #[serde(default)]
    pub(crate) unattended: bool,
    /// What the call does.
    #[serde(default)]
    pub(crate) effects: Vec<Effect>,
    /// Names of tools.
    #[serde(default)]
    pub(crate) tools: Vec<String>,
    /// Names of toolsets.
    #[serde(default)]
    pub(crate) toolsets: Vec<String>,
    /// AWS operations that the call may send: "s3:DeleteBucket".
    #[serde(default)]
    pub(crate) operations: Vec<String>,
    /// Who calls, where the door makes sure of it.
    #[serde(default)]
    pub(crate) principals: Vec<String>,
    /// AWS account ids.
    #[serde(default)]
    pub(crate) accounts: Vec<String>,
    /// AWS regions.
    #[serde(default)]
    pub(crate) regions: Vec<String>,
    /// AWS profiles; "default" where a call names none.
    #[serde(default)]
    pub(crate) profiles: Vec<String>,
    /// Clusters.
    #[serde(default)]
    pub(crate) clusters: Vec<String>,
    /// Kubernetes namespaces.
    #[serde(default)]
    pub(crate) namespaces: Vec<String>,
    /// Kinds of things.
    #[serde(default)]
    pub(crate) kinds: Vec<String>,
    /// Their ids or names.
    #[serde(default)]
    pub(crate) ids: Vec<String>,
    /// Tags or labels: key and pattern of the value.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// How much one call, and one caller, may do.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most things that one change may be aimed at, or make.
    pub objects: Option<u32>,
    /// Most GPUs and other accelerators that one change may add. One that cannot be counted is refused.
    pub gpus: Option<u32>,
    /// Most US dollars an hour that one change may add, at list prices. One whose cost cannot be found out is refused.
    pub dollars_per_hour: Option<f64>,
    /// Most calls that destroy something, by one caller in any minute.
    pub destructive_per_minute: u32,
    /// Seconds that a caller waits after a call that destroys something before the next one.
    pub destructive_cooldown_seconds: u32,
    /// Most calls of one caller in any minute.
    pub calls_per_minute: Option<u32>,
    /// Most calls of one caller at once.
    pub calls_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects: None,
            gpus: None,
            dollars_per_hour: None,
            destructive_per_minute: 60,
            destructive_cooldown_seconds: 0,
            calls_per_minute: None,
            calls_at_once: 1024,
        }
    }
}

impl Policy {
    /// Reads a policy file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::validation(format!("could not read the policy {}: {error}", path.display())))?;
        Self::parse(&text).map_err(|error| error.map_text(|text| format!("{}: {text}", path.display())))
    }

    /// Understands the text of a policy file.
    pub fn parse(text: &str) -> Result<Self> {
        let rules: File = toml::from_str(text).map_err(|error| explained(text, &error))?;
        check(&rules)?;
        Ok(Self { rules, digest: Some(hex(&Sha256::digest(text))) })
    }

    /// JSON schema of the file, for editors.
    pub fn schema() -> Value {
        schemars::schema_for!(File).to_value()
    }

    /// SHA-256 of the file; `None` where there is none.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// How much calls and callers may do.
    pub fn limits(&self) -> &Limits {
        &self.rules.limits
    }

    /// Whether tags of a target have to be found out before it can decide.
    pub fn asks_about_tags(&self) -> bool {
        self.wants(true).tags
    }

    /// How many rules there are.
    pub fn count(&self) -> usize {
        self.rules.rules.len()
    }

    /// Whether there is no policy at all.
    pub fn is_empty(&self) -> bool {
        self.digest.is_none()
    }
}

/// The parser's error with line, column and the nearest name that would have been right.
fn explained(text: &str, error: &toml::de::Error) -> Error {
    let place = error.span().map_or_else(String::new, |span| {
        let before = &text[..span.start.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        format!("line {line}, column {column}: ")
    });
    let message = error.message().trim();
    let wrong = Error::validation(format!("{place}{message}")).code("BadPolicy");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(said) = quoted.next().filter(|_| message.starts_with("unknown")) else {
        return wrong.hint("`trainyard policy schema` prints what a policy may say");
    };
    match nearest(said, quoted) {
        Some(near) => wrong.hint(format!("did you mean {near:?}?")),
        None => wrong.hint("`trainyard policy schema` prints what a policy may say"),
    }
}

/// What the form alone does not say.
fn check(file: &File) -> Result<()> {
    let wrong = |message: String| Err(Error::validation(message).code("BadPolicy"));
    let mut names = HashSet::new();
    for rule in &file.rules {
        if rule.name.trim().is_empty() {
            return wrong("a rule has no name".into());
        }
        if !names.insert(rule.name.as_str()) {
            return wrong(format!("two rules are named {:?}", rule.name));
        }
        let exact = !rule.tools.is_empty() && rule.tools.iter().all(|tool| !tool.contains('*'));
        if rule.unattended && (rule.verdict != Verdict::Allow || !exact) {
            return wrong(format!(
                "rule {:?}: unattended goes with verdict \"allow\" and with tools that are named in full",
                rule.name
            ));
        }
    }
    if let Some(dollars) = file.limits.dollars_per_hour
        && !(dollars.is_finite() && dollars >= 0.0)
    {
        return wrong(format!("limits.dollars_per_hour is {dollars}, not an amount"));
    }
    if file.limits.calls_at_once == 0 {
        return wrong("limits.calls_at_once is 0: no call could run".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Error {
        Policy::parse(text).expect_err(text)
    }

    #[test]
    fn an_unknown_key_is_refused_with_place_and_nearest_name() {
        let error = wrong("[[rule]]\nname = \"a\"\nverdict = \"deny\"\nnamespace = [\"prod\"]\n");
        assert!(error.message().starts_with("line 4, column 1: unknown field `namespace`"), "{error}");
        assert_eq!(error.hint_str(), Some("did you mean \"namespaces\"?"));
        let error = wrong("[[rules]]\nname = \"a\"\n");
        assert_eq!(error.hint_str(), Some("did you mean \"rule\"?"), "{error}");
        let error = wrong("[[rule]]\nname = \"a\"\nverdict = \"denied\"\n");
        assert!(error.message().starts_with("line 3, column 11"), "{error}");
        assert_eq!(error.hint_str(), Some("did you mean \"deny\"?"));
        let error = wrong("[limits\n");
        assert!(error.message().starts_with("line 1"), "{error}");
    }

    #[test]
    fn what_only_looks_right_is_refused() {
        let rule = |more: &str| format!("[[rule]]\nname = \"a\"\nverdict = \"allow\"\n{more}\n");
        assert!(wrong(&format!("{}{}", rule(""), rule(""))).message().contains("two rules"));
        assert!(wrong(&rule("unattended = true")).message().contains("named in full"));
        assert!(wrong(&rule("unattended = true\ntools = [\"ec2_*\"]")).message().contains("named in full"));
        assert!(Policy::parse(&rule("unattended = true\ntools = [\"ec2_stop_instances\"]")).is_ok());
        assert!(wrong("[limits]\ndollars_per_hour = nan").message().contains("not an amount"));
        assert!(wrong("[limits]\ncalls_at_once = 0").message().contains("no call could run"));
        assert!(wrong("[[rule]]\nname = \"a\"\n").message().contains("verdict"));
    }

    #[test]
    fn the_schema_knows_every_key_and_no_other() {
        let schema = Policy::schema();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["$defs"]["Rule"]["additionalProperties"], false);
        assert!(schema["$defs"]["Rule"]["properties"].get("unattended").is_some());
        insta::assert_json_snapshot!("policy_schema", schema);
    }
}
