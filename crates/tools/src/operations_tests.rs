//! Which AWS operations the code of each call can reach, read from the sources and written down in `operations.tsv`.
//!
//! From the `impl` blocks of a tool's struct the test follows every name that means an item of this crate, as the compiler
//! would look it up, until it comes to operations. It knows no types, so it may reach a little more than is sent. What
//! the binary sends in its tests is held against the table.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use trainyard_aws::catalogue;
use trainyard_contract::{Effect, ToolDef};

use self::source::Crate;
use crate::{App, TOOLSETS};

const FILE: &str = "operations.tsv";

const UPLOAD: &[&str] = &[
    "s3:AbortMultipartUpload",
    "s3:CompleteMultipartUpload",
    "s3:CreateMultipartUpload",
    "s3:HeadObject",
    "s3:ListParts",
    "s3:PutObject",
    "s3:UploadPart",
];

/// What transfers send: the engine moves the bytes, and no operation of a tool is in sight.
const TRANSFERS: [(&str, &[&str]); 5] = [
    ("s3_upload", UPLOAD),
    ("s3_put_object", UPLOAD),
    ("s3_download", &["s3:GetObject", "s3:HeadObject"]),
    ("dataset_upload", UPLOAD),
    (
        "s3_sync",
        &[
            "s3:AbortMultipartUpload",
            "s3:CompleteMultipartUpload",
            "s3:CreateMultipartUpload",
            "s3:DeleteObjects",
            "s3:GetObject",
            "s3:HeadObject",
            "s3:ListObjectsV2",
            "s3:ListParts",
            "s3:PutObject",
            "s3:UploadPart",
        ],
    ),
];

/// Every call with the most that it may do. What the free call sends, its arguments say.
fn all() -> Vec<(&'static ToolDef<App>, &'static str, Effect)> {
    let tools = TOOLSETS.iter().flat_map(|set| set.nouns.iter().copied().flatten());
    let mut found: Vec<(&'static ToolDef<App>, &'static str, Effect)> = Vec::new();
    for tool in tools.filter(|tool| tool.name != crate::policy::FREE) {
        for call in tool.calls() {
            match found.last_mut() {
                Some((last, name, most)) if last.name == tool.name && *name == call.name => {
                    *most = call.effect.max(*most);
                }
                _ => found.push((tool, call.name, call.effect)),
            }
        }
    }
    found
}

/// Whether a call of this effect may send an operation at all: what it may not does not compile.
fn may_send(effect: Effect, name: &str) -> bool {
    let (service, operation) = name.split_once(':').unwrap();
    let needed = trainyard_aws::effect(catalogue::service(service).unwrap().operation(operation).unwrap());
    match effect {
        Effect::Reads => needed == Effect::Reads,
        Effect::Reveals => !needed.writes(),
        Effect::Changes => matches!(needed, Effect::Reads | Effect::Changes),
        Effect::Destroys => needed != Effect::Reveals,
    }
}

/// The call that takes up the waits of all others: it asks what they ask.
const WAITS: &str = "operation_get";

/// What waiters ask, and all that is named as text: beside its service, or as a waiter.
#[derive(Default)]
struct Named {
    waited: BTreeSet<String>,
    all: BTreeSet<String>,
}

fn by_text(literals: &[Vec<String>]) -> Named {
    let known = |text: &&String| catalogue::services().iter().any(|entry| entry.name == text.as_str());
    let services = |texts: &[String]| -> Vec<_> {
        texts.iter().filter(known).filter_map(|text| catalogue::service(text).ok()).collect()
    };
    let everywhere = services(&literals.concat());
    let mut found = Named::default();
    let written = |(service, operation): (&str, &str)| format!("{service}:{operation}");
    for item in literals {
        let here = services(item);
        for text in item {
            let named = here.iter().filter_map(|service| Some((service.name, service.operation(text)?.name)));
            let waited = everywhere.iter().filter_map(|service| {
                let waiter = service.waiters.iter().find(|waiter| waiter.name == text)?;
                Some((service.name, waiter.operation))
            });
            found.waited.extend(waited.map(written));
            found.all.extend(named.map(written));
        }
    }
    found.all.extend(found.waited.iter().cloned());
    found
}

#[test]
fn what_each_call_can_send_is_written_down() {
    let sources = Crate::read();
    let mut table = String::from("tool\tcall\toperations\n");
    let reached = |(tool, call, effect): (&'static ToolDef<App>, &'static str, Effect)| {
        let at = tool.listed_at.file().rsplit_once("src/").unwrap().1;
        let reached = sources.reached(at, call);
        (tool, call, effect, by_text(&reached.literals), reached.operations)
    };
    let calls: Vec<_> = all().into_iter().map(reached).collect();
    let waits: BTreeSet<String> = calls.iter().flat_map(|(.., named, _)| named.waited.iter().cloned()).collect();
    for (tool, call, effect, named, sent) in calls {
        let mut operations = if call == WAITS { waits.clone() } else { named.all };
        operations.extend(sent);
        operations.retain(|name| may_send(effect, name));
        let moved = TRANSFERS.iter().filter(|(name, _)| *name == call).flat_map(|(_, names)| names.iter());
        operations.extend(moved.map(|&name| name.to_owned()));
        let operations = operations.into_iter().collect::<Vec<_>>().join(" ");
        table.push_str(&format!("{}\t{call}\t{operations}\n", tool.name));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    #[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
    if std::env::var_os("TRAINYARD_WRITE_DOCS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == table, "{FILE} is not up to date: TRAINYARD_WRITE_DOCS=1 cargo test -p trainyard-tools");
}

#[test]
fn what_a_plan_sends_is_among_it_and_what_a_neighbour_sends_is_not() {
    let mut sent: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let table = include_str!("../operations.tsv");
    for line in table.lines().skip(1) {
        let (tool, rest) = line.split_once('\t').unwrap();
        let operations = rest.split_once('\t').unwrap().1.split(' ').filter(|name| !name.is_empty());
        sent.entry(tool).or_default().extend(operations.map(str::to_owned));
    }
    let of = |tool: &str| sent[tool].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("ec2_terminate_instances"), ["ec2:DescribeInstances", "ec2:TerminateInstances"]);
    assert_eq!(of("ec2_reboot_instances"), ["ec2:DescribeInstances", "ec2:RebootInstances"]);
    assert_eq!(of("iam_get_caller_identity"), ["sts:GetCallerIdentity"]);
    assert_eq!(of("aws_search"), [""; 0]);
}

/// What a person has to agree to under the name of its own tool, they are asked about as a raw call as well.
#[test]
fn a_raw_call_is_asked_about_wherever_a_tool_that_sends_the_same_is() {
    let mut tools = TOOLSETS.iter().flat_map(|set| set.nouns.iter().copied().flatten());
    let free = tools.find(|tool| tool.name == crate::policy::FREE).unwrap();
    let trainyard_contract::Behind::ByEffect { needs, .. } = &free.behind else { panic!("aws_call picks by effect") };
    let raw = |name: &str| {
        let (service, operation) = name.split_once(':').unwrap();
        needs(&serde_json::json!({ "service": service, "operation": operation })).unwrap()
    };
    let mut compared = 0;
    for (tool, call, effect) in all() {
        let sent = crate::policy::operations(tool.name, call).unwrap_or_default();
        let changing: Vec<_> = sent.iter().map(|name| raw(name)).filter(|needs| needs.effect.writes()).collect();
        if changing.is_empty() {
            continue;
        }
        if effect == Effect::Destroys {
            assert!(changing.iter().any(|needs| needs.effect == Effect::Destroys), "{call}: {sent:?}");
        }
        if tool.spends && effect.writes() {
            let asked = |needs: &trainyard_contract::Needs| needs.spends || needs.effect == Effect::Destroys;
            assert!(changing.iter().any(asked), "{call}: {sent:?}");
        }
        compared += 1;
    }
    assert!(compared > 60, "{compared} calls were compared");
    assert_eq!(raw("ec2:DeleteKeyPair").effect, Effect::Destroys);
}
