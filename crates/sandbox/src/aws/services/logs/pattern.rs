//! Filter patterns: words that a line has to have, may have, or must not have.

use regex::Regex;

/// A filter pattern.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Words(String),
    Expression(Regex),
}

impl Term {
    fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Words(words) => line.contains(words.as_str()),
            Self::Expression(expression) => expression.is_match(line),
        }
    }
}

impl Pattern {
    /// Reads a pattern. The error says what is wrong, or not in the sandbox.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (mut pattern, mut rest) = (Self::default(), text.trim());
        if rest.starts_with('{') || rest.starts_with('[') {
            return Err(format!(
                "the pattern {rest} over members of JSON or columns is not in the sandbox; words, \"phrases\", ?any, -none and %expressions% are"
            ));
        }
        while let Some(first) = rest.chars().next() {
            let list = match first {
                '?' => &mut pattern.any,
                '-' => &mut pattern.none,
                _ => &mut pattern.all,
            };
            rest = rest.strip_prefix(['?', '-']).unwrap_or(rest);
            let quote = rest.chars().next().filter(|letter| matches!(letter, '"' | '%'));
            let (term, after) = match quote {
                Some(quote) => rest[1..].split_once(quote).ok_or_else(|| format!("Invalid filter pattern: {text}"))?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            list.push(if quote == Some('%') {
                Term::Expression(Regex::new(term).map_err(|error| format!("Invalid filter pattern: {error}"))?)
            } else {
                Term::Words(term.to_owned())
            });
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    /// Whether a line is meant.
    pub(super) fn fits(&self, line: &str) -> bool {
        self.all.iter().all(|term| term.is_in(line))
            && (self.any.is_empty() || self.any.iter().any(|term| term.is_in(line)))
            && !self.none.iter().any(|term| term.is_in(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_and_expressions_are_looked_for() {
        for (pattern, fits) in [
            ("", true),
            ("NCCL WARN", true),
            ("WARN NCCL", true),
            ("nccl", false),
            ("\"WARN Timeout\"", true),
            ("\"Timeout WARN\"", false),
            ("?ERROR ?WARN", true),
            ("?ERROR ?FATAL", false),
            ("NCCL -WARN", false),
            ("%rank [0-9]+%", true),
            ("%rank [a-z]+%", false),
        ] {
            let read = Pattern::read(pattern).expect(pattern);
            assert_eq!(read.fits("NCCL WARN Timeout at rank 7"), fits, "{pattern}");
        }
        assert!(Pattern::read("{ $.level = \"error\" }").expect_err("JSON").contains("not in the sandbox"));
        assert!(Pattern::read("\"open").is_err());
    }
}
