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

const STREAMING_IN: &[&str] = &[
    "Chat",
    "InvokeModelWithBidirectionalStream",
    "StartConversation",
    "StartMedicalScribeListeningSession",
    "StartSpeechSynthesisStream",
];

const NAMED: &[Named] = &[
    Named {
        table: Table::Requests,
        service: "cloudsearchdomain",
        operations: &["*"],
        sign: "refused here: ",
        why: "the address belongs to one search domain; botocore's guess leads nowhere",
    },
    Named {
        table: Table::Requests,
        service: "cloudfront-keyvaluestore",
        operations: &["*"],
        sign: "refused by both: ",
        why: "signature version 4A, which botocore takes another library for",
    },
    Named {
        table: Table::Answers,
        service: "s3",
        operations: &["GetBucketLocation"],
        sign: "value: ",
        why: "the real answer is the location alone, in no wrapper; the generated one follows the model",
    },
    Named {
        table: Table::Answers,
        service: "s3",
        operations: &["GetBucketNotification"],
        sign: "refused there: ",
        why: "botocore's parser hands out an element of its own for a member that is deprecated",
    },
    Named {
        table: Table::Requests,
        service: "cloudfront",
        operations: &["CreateResponseHeadersPolicy", "UpdateResponseHeadersPolicy"],
        sign: "body: ",
        why: "a number of floating point that is whole says 4, where Python says 4.0",
    },
    Named {
        table: Table::Requests,
        service: "geo-maps",
        operations: &["GetStaticMap"],
        sign: "url: ",
        why: "a number of floating point that is whole says 4, where Python says 4.0",
    },
    Named {
        table: Table::Requests,
        service: "*",
        operations: STREAMING_IN,
        sign: "refused ",
        why: "takes a stream of events; boto3 leaves such operations out, too",
    },
    Named {
        table: Table::Requests,
        service: "ec2",
        operations: &["CopySnapshot"],
        sign: "body: ",
        why: "holds an address that is signed for the moment; a preview says only that it will be there",
    },
    Named {
        table: Table::Answers,
        service: "*",
        operations: &["*"],
        sign: "no body: ",
        why: "an answer without a body has no payload, as the protocol suites want it (HttpPayloadTraitsWithNoBlobBody)",
    },
];

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
            println!("{}", other.chars().take(4_000).collect::<String>());
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
