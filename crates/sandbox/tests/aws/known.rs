//! Every difference that there is, each with its reason. What differs and is not here fails the test; in the whole
//! comparison what is here and no longer differs does, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A difference that is known: service and operation, or `*`; how the difference begins; why.
type Named = (&'static str, &'static str, &'static str, &'static str);

const OLDER: &str = "the older of two operations with one route: the newer is meant";

const NAMED: &[Named] = &[
    (
        "*",
        "*",
        "answers with a stream of events",
        "streams of events are read by another call of the client, and not written",
    ),
    ("sdb", "*", "this way to sign is not in the sandbox", "signature version 2 is not checked here"),
    ("codecatalyst", "*", "this way to sign is not in the sandbox", "bearer tokens are not checked here"),
    ("account-access-runtime", "*", "this way to sign is not in the sandbox", "bearer tokens are not checked here"),
    ("*", "*", " instead of \"{\\\"a\\\":", "JSON inside of a text is read as JSON, though it was given as text"),
    ("cloudsearchdomain", "*", "its address belongs to one search domain", "a domain is its own address"),
    ("signin", "*", "could not be reached", "the client takes no address of ours for it"),
    ("machinelearning", "Predict", "could not be reached", "the address is a member of the input"),
    ("cloudfront-keyvaluestore", "*", "takes only signatures of version 4A", "the client does not sign with SigV4a"),
    ("sms-voice", "*", "taken for pinpoint-sms-voice", "one service under two names, with the same paths"),
    ("pricing", "GetProducts", "output.PriceList[0]", "JSON inside of a list is text to the client"),
    ("route53", "*", "HostedZoneId", "the client sends what stands behind the last slash, as AWS's own do"),
    ("s3", "*", "EncodingType: is", "the client asks for escaped keys, and unescapes them"),
    ("s3", "GetBucketLifecycle", "GetBucketLifecycleConfiguration", OLDER),
    ("s3", "PutBucketLifecycle", "PutBucketLifecycleConfiguration", OLDER),
    ("s3", "GetBucketNotification", "GetBucketNotificationConfiguration", OLDER),
    ("s3", "PutBucketNotification", "PutBucketNotificationConfiguration", OLDER),
    (
        "s3",
        "ListDirectoryBuckets",
        "taken for s3 ListBuckets",
        "one route, and a host that an address of numbers has not",
    ),
    ("s3", "*", "input.CopySource", "the client escapes a source, as AWS's own do"),
    ("s3", "*", "the body is not what its checksum says", "checksums that were made up are not those of the body"),
    ("*", "*", "input.UserData", "the client takes a script and encodes it, as AWS's own do"),
    ("ec2", "CopySnapshot", "input.PresignedUrl", "the client signs copies between regions, as AWS's own do"),
    (
        "codeartifact",
        "PublishPackageVersion",
        "The body is not the one whose hash was signed",
        "a member is the header that the hash of the body is signed in, and one that was made up is not that of the body",
    ),
    (
        "s3",
        "GetBucketLocation",
        "LocationConstraint: is \"\"",
        "the oldest region has no name, which S3 says as an empty element",
    ),
    ("*", "*", "output.ContentLength", "the length of an answer is that of its body, whatever was given"),
    (
        "s3control",
        "*",
        "could not be reached",
        "the account is a label of the host, which an address of numbers has not",
    ),
];

/// What a comparison came to.
#[derive(Default)]
pub(crate) struct Report {
    equal: usize,
    named: BTreeMap<&'static str, usize>,
    used: BTreeSet<usize>,
    others: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, service: &str, operation: &str, outcome: Result<(), String>) {
        let Err(what) = outcome else {
            self.equal += 1;
            return;
        };
        let is = |known: &str, name: &str| known == "*" || known == name;
        let known =
            NAMED.iter().position(|known| is(known.0, service) && is(known.1, operation) && what.contains(known.2));
        match known {
            Some(at) => {
                self.used.insert(at);
                *self.named.entry(NAMED[at].3).or_default() += 1;
            }
            None => self.others.push(format!("{service} {operation}: {what}")),
        }
    }

    pub(crate) fn hold(&self, whole: bool) {
        assert!(self.others.is_empty(), "{} differences are not named", self.others.len());
        assert!(self.equal > 600, "{} messages were compared", self.equal);
        let unused = NAMED.iter().enumerate().filter(|(at, _)| !self.used.contains(at));
        let unused: Vec<&Named> = unused.map(|(_, known)| known).collect();
        assert!(!whole || unused.is_empty(), "named, and not met: {unused:?}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: usize = self.named.values().sum();
        writeln!(f, "{} equal, {named} named differences, {} others", self.equal, self.others.len())?;
        for (why, count) in &self.named {
            writeln!(f, "{count:>6}  {why}")?;
        }
        for other in &self.others {
            writeln!(f, "{}", other.chars().take(600).collect::<String>())?;
        }
        Ok(())
    }
}
