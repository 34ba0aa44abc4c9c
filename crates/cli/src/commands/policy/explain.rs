//! `trainyard policy explain`: one call, what becomes of it, and why.

use std::{collections::BTreeMap, process::ExitCode};

use serde_json::json;
use trainyard_contract::{Error, Found, Result};
use trainyard_dispatch::{Caller, Explanation, Fit, Verdict};

use super::Explain;
use crate::{commands::call, config::Config, output};

pub(super) async fn run(config: &Config, arguments: Explain) -> Result<ExitCode> {
    let mut every = config.clone();
    super::every_tool(&mut every);
    let dispatch = crate::commands::dispatch(&every)?;
    let pairs: Vec<_> = arguments.pairs.into_iter().chain(arguments.more).collect();
    let given = call::pairs(&pairs, &call::forms(&dispatch, &arguments.tool))?;
    let caller = Caller { door: "shell", principal: arguments.principal, ..Caller::default() };
    let explanation = dispatch.explain(&arguments.tool, given, &caller, found(&arguments.facts)?).await?;
    if arguments.json || !output::at_terminal() {
        output::text(&format!("{:#}\n", json!(explanation)))?;
    } else {
        output::text(&for_people(&explanation))?;
    }
    Ok(if explanation.verdict == Verdict::Deny { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// What was given as facts.
fn found(facts: &[String]) -> Result<Found> {
    let mut found = Found::default();
    let mut tags = BTreeMap::new();
    for fact in facts {
        let wrong = || {
            Error::validation(format!("{fact:?} is no fact"))
                .hint("account=111122223333, region=eu-west-1, cluster=prod-1 or tag.KEY=VALUE")
        };
        let (name, value) = fact.split_once('=').ok_or_else(wrong)?;
        match name {
            "account" => found.account = Some(value.to_owned()),
            "region" => found.region = Some(value.to_owned()),
            "cluster" => found.clusters.get_or_insert_default().push(value.to_owned()),
            _ => {
                let key = name.strip_prefix("tag.").filter(|key| !key.is_empty()).ok_or_else(wrong)?;
                tags.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    if !tags.is_empty() {
        found.tags = Some(vec![tags]);
    }
    Ok(found)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Confirm => "a person is asked",
        Verdict::Deny => "refused",
    }
}

fn for_people(explanation: &Explanation) -> String {
    let facts = &explanation.facts;
    let mut text = format!("{}: {} ({})\n", facts.tool, word(explanation.verdict), explanation.rule);
    text.push_str(&format!("  {}\n\nWhat is known of the call\n", explanation.because));
    let known = json!(facts);
    let known = known.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    for (name, value) in known {
        text.push_str(&output::for_people(&json!({ format!("  {name}"): value })));
    }
    let Some(policy) = &explanation.policy else { return text };
    if policy.considered.is_empty() {
        return text;
    }
    text.push_str("\nRules\n");
    let rows = policy.considered.iter().map(|one| {
        let fits = match one.fits {
            Fit::Yes => "fits",
            Fit::Maybe => "may fit",
            Fit::No => "-",
        };
        vec![format!("  {}", one.rule), word(one.verdict).to_owned(), fits.to_owned(), one.because.clone()]
    });
    text.push_str(&output::table(&["  rule", "verdict", "", "because"].map(str::to_owned), rows.collect()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_and_others_refused() {
        let facts = ["account=1", "cluster=a", "cluster=b", "tag.team=x=y"].map(str::to_owned);
        let found = found(&facts).unwrap();
        assert_eq!((found.account.as_deref(), found.clusters.unwrap().len()), (Some("1"), 2));
        assert_eq!(found.tags.unwrap()[0]["team"], "x=y");
        for wrong in ["account", "acount=1", "tag.=x"] {
            assert!(super::found(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
