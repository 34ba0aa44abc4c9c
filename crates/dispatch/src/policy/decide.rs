//! Which rule decides, and why.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::Effect;

use super::{
    facts::{Fact, Facts},
    file::{Places, Policy, Rule},
    pattern,
};

/// What becomes of a call, in ascending order of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It runs.
    Allow,
    /// It runs once a person has agreed to its plan.
    Confirm,
    /// It is refused.
    Deny,
}

/// How well a rule fits a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// In everything that it asks for.
    Yes,
    /// In everything that is known; something is not.
    Maybe,
    /// Not.
    No,
}

/// What a policy says to a call.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: String,
    /// Why that one.
    pub because: String,
    /// A rule says that nobody is to be asked.
    pub unattended: bool,
    /// Every rule of the file and how well it fits.
    pub considered: Vec<Considered>,
}

/// One rule beside one call.
#[derive(Debug, Clone, Serialize)]
pub struct Considered {
    /// Its name.
    pub rule: String,
    /// What it would have.
    pub verdict: Verdict,
    /// Whether it fits.
    pub fits: Fit,
    /// What does not fit, or is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// What is to be found out before a policy can decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) account: bool,
    pub(crate) region: bool,
    pub(crate) tags: bool,
}

impl Policy {
    pub(crate) fn wants(&self, writes: bool) -> Wants {
        let file = &self.rules;
        let mut wants = Wants::default();
        let mut look = |accounts: &[String], regions: &[String], tags: &BTreeMap<String, String>| {
            wants.account |= !accounts.is_empty();
            wants.region |= !regions.is_empty();
            wants.tags |= !tags.is_empty() && writes;
        };
        look(&file.only.accounts, &file.only.regions, &file.only.tags);
        if writes {
            look(&file.protected.accounts, &file.protected.regions, &file.protected.tags);
        }
        for rule in &file.rules {
            look(&rule.accounts, &rule.regions, &rule.tags);
        }
        wants
    }

    /// What this policy says to a call of which these facts are known, with every rule that it looked at.
    pub fn decide(&self, facts: &Facts) -> Decision {
        let weighed = self.weigh(facts);
        let considered = weighed.iter().map(|one| one.considered(facts)).collect();
        Decision { considered, ..self.decided(facts, &weighed) }
    }

    /// The same in short, for a call that is made.
    pub(crate) fn judge(&self, facts: &Facts) -> Decision {
        self.decided(facts, &self.weigh(facts))
    }

    fn weigh<'a>(&'a self, facts: &'a Facts) -> Vec<Weighed<'a>> {
        let rules = self.rules.rules.iter().map(|rule| {
            let (fits, because) = rule.fits(facts);
            Weighed { rule: Name::Own(&rule.name), verdict: rule.verdict, fits, because }
        });
        self.only(facts).into_iter().chain(self.protected(facts)).chain(rules).collect()
    }

    fn decided(&self, facts: &Facts, weighed: &[Weighed<'_>]) -> Decision {
        let (verdict, rule, because) = self.strictest(facts, weighed);
        let granted = |rule: &Rule| rule.unattended && rule.fits(facts).0 == Fit::Yes;
        let unattended = verdict == Verdict::Allow && self.rules.rules.iter().any(granted);
        Decision { verdict, rule, because, unattended, considered: Vec::new() }
    }

    /// The strictest rule that fits. A rule that allows, or asks, lifts the default first.
    fn strictest(&self, facts: &Facts, weighed: &[Weighed<'_>]) -> (Verdict, String, String) {
        let fits = |verdict: Verdict, maybe: bool| {
            let fit = |one: &&Weighed<'_>| one.fits == Fit::Yes || (maybe && one.fits == Fit::Maybe);
            weighed.iter().filter(|one| one.verdict == verdict).find(fit)
        };
        let said = |one: &Weighed<'_>| {
            let why = if one.fits == Fit::Yes { "it fits the call".to_owned() } else { one.because.said(facts) };
            (one.verdict, one.rule.to_string(), why)
        };
        if let Some(one) = fits(Verdict::Deny, true) {
            return said(one);
        }
        if let Some(one) = fits(Verdict::Confirm, false) {
            return said(one);
        }
        let lifted = fits(Verdict::Allow, false);
        let default = self.default_of(facts);
        if let Some(one) = fits(Verdict::Confirm, true)
            && (lifted.is_some() || default.0 < Verdict::Confirm)
        {
            return said(one);
        }
        match lifted {
            Some(one) => said(one),
            None => default,
        }
    }

    /// What becomes of a call that no rule fits; a change that shows a secret has to pass for both.
    fn default_of(&self, facts: &Facts) -> (Verdict, String, String) {
        let effects = [Some(facts.effect), facts.reveals.then_some(Effect::Reveals)];
        let strictest = effects
            .into_iter()
            .flatten()
            .map(|effect| (self.rules.default.of(effect).unwrap_or(Verdict::Allow), effect))
            .max_by_key(|(verdict, _)| *verdict);
        let (verdict, effect) = strictest.unwrap_or((Verdict::Deny, facts.effect));
        (verdict, format!("default.{effect}"), "no rule fits the call".to_owned())
    }

    /// The allow-lists as rules that refuse.
    fn only(&self, facts: &Facts) -> Vec<Weighed<'static>> {
        let only = &self.rules.only;
        let refuses = |name: &'static str, fit: Fit, unknown: fn(&'static str) -> Because<'static>| {
            let (fits, because) = match fit {
                Fit::Yes => (Fit::No, Because::Nothing),
                Fit::Maybe => (Fit::Maybe, unknown(name)),
                Fit::No => (Fit::Yes, Because::Nothing),
            };
            Weighed { rule: Name::Only(name), verdict: Verdict::Deny, fits, because }
        };
        let mut found = Vec::new();
        for (name, patterns, fact) in places(only, facts) {
            if !patterns.is_empty() && fact != &Fact::Absent {
                found.push(refuses(name, all_of(patterns, fact), |name| Because::Unknown(vec![name])));
            }
        }
        if !only.tags.is_empty() && facts.effect.writes() {
            found.push(refuses("tags", tagged(&only.tags, facts, true), |_| Because::UnknownTags));
        }
        found
    }

    /// What is protected, as rules that refuse changes.
    fn protected(&self, facts: &Facts) -> Vec<Weighed<'static>> {
        if !facts.effect.writes() {
            return Vec::new();
        }
        let refuses = |name: String, fits: Fit, unknown: Because<'static>| {
            let because = if fits == Fit::Maybe { unknown } else { Because::Nothing };
            Weighed { rule: Name::Protected(name), verdict: Verdict::Deny, fits, because }
        };
        let protected = &self.rules.protected;
        let mut found = Vec::new();
        for (name, patterns, fact) in places(protected, facts) {
            if !patterns.is_empty() {
                found.push(refuses(name.to_owned(), any_of(patterns, fact), Because::Unknown(vec![name])));
            }
        }
        for (key, pattern) in &protected.tags {
            let fits = tagged(&BTreeMap::from([(key.clone(), pattern.clone())]), facts, false);
            found.push(refuses(format!("tags.{key}"), fits, Because::UnknownTags));
        }
        found
    }
}

/// One rule beside one call, not yet in words.
struct Weighed<'a> {
    rule: Name<'a>,
    verdict: Verdict,
    fits: Fit,
    because: Because<'a>,
}

/// What a rule is called. Written out only where somebody reads it.
enum Name<'a> {
    /// Of the file's own rules.
    Own(&'a str),
    /// An allow-list.
    Only(&'static str),
    /// A protection.
    Protected(String),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) => f.write_str(name),
            Self::Only(name) => write!(f, "only.{name}"),
            Self::Protected(name) => write!(f, "protected.{name}"),
        }
    }
}

impl Weighed<'_> {
    fn considered(&self, facts: &Facts) -> Considered {
        Considered {
            rule: self.rule.to_string(),
            verdict: self.verdict,
            fits: self.fits,
            because: self.because.said(facts),
        }
    }
}

/// What of a rule does not fit, or is not known. Put in words only where somebody reads them.
enum Because<'a> {
    Nothing,
    /// The call does something else.
    Effect,
    /// This of the call is another.
    Other(&'static str, &'a str),
    /// The call has these instead.
    Others(&'static str, &'a [String]),
    /// The call has no such thing.
    Without(&'static str),
    OtherTags,
    UnknownTags,
    Unknown(Vec<&'static str>),
}

impl Because<'_> {
    fn said(&self, facts: &Facts) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Effect => format!("the call {}", facts.effect),
            Self::Other(name, value) => format!("the {name} is {value:?}"),
            Self::Others(name, values) => format!("{name}: {}", values.join(", ")),
            Self::Without(name) => format!("the call has no {name}"),
            Self::OtherTags => "the tags are others".to_owned(),
            Self::UnknownTags => "the tags of the target are not known".to_owned(),
            Self::Unknown(names) => format!("it is not known which {} the call would reach", names.join(", ")),
        }
    }
}

fn places<'a>(places: &'a Places, facts: &'a Facts) -> [(&'static str, &'a [String], &'a Fact); 7] {
    [
        ("accounts", &places.accounts, &facts.accounts),
        ("regions", &places.regions, &facts.regions),
        ("profiles", &places.profiles, &facts.profiles),
        ("clusters", &places.clusters, &facts.clusters),
        ("namespaces", &places.namespaces, &facts.namespaces),
        ("kinds", &places.kinds, &facts.kinds),
        ("ids", &places.ids, &facts.ids),
    ]
}

impl Rule {
    /// Whether the rule fits, and what does not.
    fn fits<'a>(&'a self, facts: &'a Facts) -> (Fit, Because<'a>) {
        let effect = self.effects.contains(&facts.effect) || (facts.reveals && self.effects.contains(&Effect::Reveals));
        if !self.effects.is_empty() && !effect {
            return (Fit::No, Because::Effect);
        }
        let own = [
            ("tool", &self.tools, &facts.tool),
            ("toolset", &self.toolsets, &facts.toolset),
            ("principal", &self.principals, &facts.principal),
        ];
        for (name, patterns, text) in own {
            if !patterns.is_empty() && !patterns.iter().any(|pattern| pattern::fits(pattern, text)) {
                return (Fit::No, Because::Other(name, text));
            }
        }
        // To allow, a rule must fit everything that the call reaches; to refuse or ask, one thing is enough.
        let fit = if self.verdict == Verdict::Allow { all_of } else { any_of };
        let mut maybe = Vec::new();
        for (name, patterns, fact) in self.selectors(facts) {
            if patterns.is_empty() {
                continue;
            }
            match (fit(patterns, fact), fact) {
                (Fit::Yes, _) => {}
                (Fit::Maybe, _) => maybe.push(name),
                (Fit::No, Fact::Known(values)) => return (Fit::No, Because::Others(name, values)),
                (Fit::No, _) => return (Fit::No, Because::Without(name)),
            }
        }
        match tagged(&self.tags, facts, self.verdict == Verdict::Allow) {
            Fit::Yes => {}
            Fit::Maybe => maybe.push("tags"),
            Fit::No => return (Fit::No, Because::OtherTags),
        }
        if maybe.is_empty() { (Fit::Yes, Because::Nothing) } else { (Fit::Maybe, Because::Unknown(maybe)) }
    }

    fn selectors<'a>(&'a self, facts: &'a Facts) -> [(&'static str, &'a [String], &'a Fact); 8] {
        [
            ("operations", &self.operations, &facts.operations),
            ("accounts", &self.accounts, &facts.accounts),
            ("regions", &self.regions, &facts.regions),
            ("profiles", &self.profiles, &facts.profiles),
            ("clusters", &self.clusters, &facts.clusters),
            ("namespaces", &self.namespaces, &facts.namespaces),
            ("kinds", &self.kinds, &facts.kinds),
            ("ids", &self.ids, &facts.ids),
        ]
    }
}

fn any_of(patterns: &[String], fact: &Fact) -> Fit {
    let one = |text: &String| patterns.iter().any(|pattern| pattern::fits(pattern, text));
    match fact {
        Fact::Unknown => Fit::Maybe,
        Fact::Known(values) if values.iter().any(one) => Fit::Yes,
        Fact::Absent | Fact::Known(_) => Fit::No,
    }
}

fn all_of(patterns: &[String], fact: &Fact) -> Fit {
    let one = |text: &String| patterns.iter().any(|pattern| pattern::fits(pattern, text));
    match fact {
        Fact::Unknown => Fit::Maybe,
        Fact::Known(values) if values.iter().all(one) => Fit::Yes,
        Fact::Absent | Fact::Known(_) => Fit::No,
    }
}

/// Whether what the call is aimed at carries all these tags: everything of it, or something.
fn tagged(wanted: &BTreeMap<String, String>, facts: &Facts, all: bool) -> Fit {
    if wanted.is_empty() {
        return Fit::Yes;
    }
    let Some(tags) = &facts.tags else {
        // A call that is aimed at nothing carries no tags.
        return if facts.ids == Fact::Absent { Fit::No } else { Fit::Maybe };
    };
    let carries = |tags: &BTreeMap<String, String>| {
        wanted.iter().all(|(key, pattern)| tags.get(key).is_some_and(|value| pattern::fits(pattern, value)))
    };
    let fit = if all { !tags.is_empty() && tags.iter().all(carries) } else { tags.iter().any(carries) };
    if fit { Fit::Yes } else { Fit::No }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
