//! Finding a tool by words: which of its words, in names, descriptions and parameters, are those of the question.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use trainyard_dispatch::View;

use super::synonyms::{EMPTY, SAME};

/// What a word is worth by where it stands.
const NAME: f64 = 3.0;
const FIRST: f64 = 2.0;
const DESCRIPTION: f64 = 1.0;
const PARAMETER: f64 = 0.7;
const TOOLSET: f64 = 0.7;
/// What a word of the same meaning is worth beside the word itself.
const MEANT: f64 = 0.6;

/// What a tool that only reads gains where the question wants to know something.
const ASKED: f64 = 1.5;
/// First words of a question that wants to know something, and nothing done.
const ASKING: [&str; 17] = [
    "are", "can", "did", "do", "does", "find", "has", "how", "is", "list", "see", "show", "what", "where", "which",
    "who", "why",
];

/// The words of all tools.
pub(crate) struct Index {
    /// Tool by tool.
    tools: Vec<Words>,
    /// How telling a word is: those that few tools have are.
    rarity: HashMap<String, f64>,
    /// Words of the same meaning.
    meanings: HashMap<String, HashSet<String>>,
}

/// What a tool says of itself.
struct Words {
    /// What each is worth.
    worths: HashMap<String, f64>,
    /// Those of the name, without the service or toolset that it begins with.
    name: Vec<String>,
    /// It changes nothing.
    reads: bool,
}

impl Index {
    pub(crate) fn new(views: &[View]) -> Self {
        let tools: Vec<_> = views.iter().map(words_of).collect();
        let mut counts: HashMap<String, f64> = HashMap::new();
        for word in tools.iter().flat_map(|tool| tool.worths.keys()) {
            *counts.entry(word.clone()).or_default() += 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "there are hundreds of tools, not 2^52")]
        let all = tools.len() as f64;
        let rarity = counts.into_iter().map(|(word, count)| (word, (1.0 + all / count).ln())).collect();
        let mut meanings: HashMap<String, HashSet<String>> = HashMap::new();
        for group in SAME {
            let group: Vec<String> = group.iter().map(|word| stem(word)).collect();
            for word in &group {
                meanings.entry(word.clone()).or_default().extend(group.iter().filter(|other| *other != word).cloned());
            }
        }
        Self { tools, rarity, meanings }
    }

    /// Places of the tools that fit, best first.
    pub(crate) fn find(&self, question: &str) -> Vec<usize> {
        let wanted = words(question);
        let first = question.split(|letter: char| !letter.is_alphabetic()).find(|word| !word.is_empty());
        let asks = first.is_some_and(|first| ASKING.contains(&first.to_lowercase().as_str()));
        let mut found: Vec<(usize, f64)> = self
            .tools
            .iter()
            .enumerate()
            .map(|(at, tool)| {
                let worth: f64 = wanted.iter().map(|word| self.worth(&tool.worths, word)).sum();
                (at, worth * (1.0 + self.spoken(tool, &wanted)) * if asks && tool.reads { ASKED } else { 1.0 })
            })
            .filter(|(_, worth)| *worth > 0.0)
            .collect();
        // Equal ones stay in the order of the list.
        found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        found.into_iter().map(|(at, _)| at).collect()
    }

    /// How much of a tool's name the question says, from 0 to 1. Of tools about the same thing the plain one is meant, and
    /// not the one whose name goes on.
    fn spoken(&self, tool: &Words, wanted: &[String]) -> f64 {
        let best = |word: &String| {
            let said = wanted.contains(word);
            let meant = || self.meanings.get(word).is_some_and(|same| wanted.iter().any(|word| same.contains(word)));
            if said {
                1.0
            } else if meant() {
                MEANT
            } else {
                0.0
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a name has a few words")]
        let all = tool.name.len().max(1) as f64;
        tool.name.iter().map(best).sum::<f64>() / all
    }

    /// The best that a tool has for one word of the question.
    fn worth(&self, tool: &HashMap<String, f64>, word: &str) -> f64 {
        let of = |word: &str| tool.get(word).map_or(0.0, |worth| worth * self.rarity.get(word).copied().unwrap_or(0.0));
        let meant = self.meanings.get(word).into_iter().flatten().map(|other| MEANT * of(other));
        meant.fold(of(word), f64::max)
    }
}

fn words_of(view: &View) -> Words {
    let mut worths = HashMap::new();
    let mut add = |text: &str, worth: f64| {
        for word in words(text) {
            let old = worths.entry(word).or_insert(0.0_f64);
            *old = old.max(worth) + 0.1 * old.min(worth);
        }
    };
    add(view.name, NAME);
    let (first, rest) = view.description.split_once(". ").unwrap_or((&view.description, ""));
    add(first, FIRST);
    add(rest, DESCRIPTION);
    add(view.toolset, TOOLSET);
    for (name, parameter) in view.input.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if matches!(
            name.as_str(),
            "region" | "regions" | "profile" | "limit" | "cursor" | "fields" | "dry_run" | "confirm"
        ) {
            continue;
        }
        add(name, PARAMETER);
        add(parameter["description"].as_str().unwrap_or_default(), PARAMETER);
        let values = parameter["enum"].as_array().into_iter().chain(parameter["items"]["enum"].as_array()).flatten();
        // The values of `operation` are deeds, as the names of tools are.
        let worth = if name == "operation" { FIRST } else { PARAMETER };
        values.filter_map(Value::as_str).for_each(|value| add(value, worth));
    }
    let mut name = words(view.name);
    if name.len() > 1 {
        name.remove(0);
    }
    Words { worths, name, reads: view.hints.read_only }
}

/// The words of a text in their plain form, without those that say nothing.
fn words(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut small = false;
    for letter in text.chars() {
        // `RunInstances` is two words.
        if letter.is_uppercase() && small {
            spaced.push(' ');
        }
        small = letter.is_lowercase();
        spaced.extend(letter.to_lowercase());
    }
    let words = spaced.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty() && !EMPTY.contains(word)).map(stem).collect()
}

/// A word without its endings.
fn stem(word: &str) -> String {
    let mut word = word;
    for (ending, least) in [("ies", 3), ("sses", 3), ("s", 3), ("ing", 4), ("ed", 4), ("ly", 4)] {
        if let Some(start) = word.strip_suffix(ending)
            && start.len() >= least
            && !start.ends_with('s')
        {
            word = start;
            break;
        }
    }
    // `attached` and `attach`, `replaced` and `replace`, `stopping` and `stop` meet here.
    let word = word.strip_suffix('e').filter(|start| start.len() >= 3).unwrap_or(word);
    let mut letters: Vec<char> = word.chars().collect();
    if let [.., before, last] = letters[..]
        && before == last
        && letters.len() > 4
        && matches!(last, 'p' | 't' | 'g' | 'n')
    {
        letters.pop();
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_meet_in_their_plain_form() {
        for (one, other) in [
            ("instances", "instance"),
            ("replaced", "replace"),
            ("stopping", "stop"),
            ("attached", "attach"),
            ("volumes", "volume"),
            ("describes", "describe"),
            ("listing", "lists"),
        ] {
            assert_eq!(stem(one), stem(other));
        }
        assert_eq!(stem("access"), "access");
        assert_eq!(words("What does RunInstances take?"), ["what", "run", "instanc", "tak"]);
    }
}
