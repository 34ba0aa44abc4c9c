//! Every difference that there is, each with its reason. What differs and is not here fails the test; what is here and
//! no longer differs, too.

use std::collections::{BTreeMap, BTreeSet};

use super::generate::Extent;

/// Which comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Requests,
    Answers,
}

/// Whether everything was compared, so that what did not differ does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    No,
}

/// A difference that is known. `operations` are names, or one `*`; `sign` is how the difference begins.
pub(crate) struct Named {
    table: Table,
    service: &'static str,
    operations: &'static [&'static str],
    sign: &'static str,
    why: &'static str,
}

const NAMED: &[Named] = &[Named {
    table: Table::Answers,
    service: "*",
    operations: &["*"],
    sign: "no body: ",
    why: "an answer without a body has no payload, as the protocol suites want it (HttpPayloadTraitsWithNoBlobBody)",
}];

/// What a comparison came to.
pub(crate) struct Report {
    table: Table,
    equal: usize,
    named: BTreeMap<&'static str, usize>,
    used: BTreeSet<usize>,
    others: Vec<String>,
}

impl Report {
    pub(crate) fn new(table: Table) -> Self {
        Self { table, equal: 0, named: BTreeMap::new(), used: BTreeSet::new(), others: Vec::new() }
    }

    pub(crate) fn add(&mut self, service: &str, operation: &str, extent: Extent, outcome: Result<(), String>) {
        let Err(what) = outcome else {
            self.equal += 1;
            return;
        };
        let known = NAMED.iter().position(|known| {
            known.table == self.table
                && (known.service == "*" || known.service == service)
                && known.operations.iter().any(|name| *name == "*" || *name == operation)
                && what.starts_with(known.sign)
        });
        match known {
            Some(at) => {
                self.used.insert(at);
                *self.named.entry(NAMED[at].why).or_default() += 1;
            }
            None => self.others.push(format!("{service} {operation} {extent:?}: {what}")),
        }
    }

    /// Prints the figures and fails on what is not named.
    #[expect(clippy::print_stdout, reason = "a report for who asked for it")]
    pub(crate) fn hold(self, whole: Whole) {
        let named: usize = self.named.values().sum();
        println!("{:?}: {} equal, {named} named differences, {} others", self.table, self.equal, self.others.len());
        for (why, count) in &self.named {
            println!("{count:>6}  {why}");
        }
        for other in &self.others {
            println!("{}", other.chars().take(700).collect::<String>());
        }
        assert!(self.others.is_empty(), "{} differences are not named", self.others.len());
        assert!(self.equal > 100, "{} messages were compared", self.equal);
        let unused =
            NAMED.iter().enumerate().filter(|(at, known)| known.table == self.table && !self.used.contains(at));
        let unused: Vec<String> =
            unused.map(|(_, known)| format!("{} {:?} {}", known.service, known.operations, known.sign)).collect();
        assert!(whole == Whole::No || unused.is_empty(), "named, and not met: {unused:?}");
    }
}
