//! The three sentences that a policy has to be able to say, and what happens where something is not known.

use super::*;

/// "May scale in namespace team-a, never delete in prod, sensitive data only in staging."
const EXAMPLE: &str = r#"
    [default]
    reveals = "deny"
    changes = "deny"
    destroys = "confirm"

    [[rule]]
    name = "team-a may scale"
    verdict = "allow"
    tools = ["k8s_scale_*"]
    namespaces = ["team-a"]

    [[rule]]
    name = "nothing is deleted in prod"
    verdict = "deny"
    effects = ["destroys"]
    clusters = ["prod-*"]

    [[rule]]
    name = "sensitive data only in staging"
    verdict = "allow"
    effects = ["reveals"]
    accounts = ["111122223333"]
"#;

fn known(values: &[&str]) -> Fact {
    Fact::Known(values.iter().map(|&value| value.to_owned()).collect())
}

fn facts(tool: &str, effect: Effect) -> Facts {
    Facts {
        tool: tool.into(),
        toolset: "t".into(),
        effect,
        reveals: false,
        principal: String::new(),
        operations: Fact::Unknown,
        accounts: Fact::Absent,
        regions: Fact::Absent,
        profiles: Fact::Absent,
        clusters: Fact::Absent,
        namespaces: Fact::Absent,
        kinds: Fact::Absent,
        ids: Fact::Absent,
        tags: None,
    }
}

fn decided(policy: &str, facts: &Facts) -> (Verdict, String) {
    let decision = Policy::parse(policy).unwrap().decide(facts);
    (decision.verdict, decision.rule)
}

#[test]
fn the_three_sentences() {
    let scale = |namespaces: Fact| Facts { namespaces, ..facts("k8s_scale_workload", Effect::Changes) };
    assert_eq!(decided(EXAMPLE, &scale(known(&["team-a"]))), (Verdict::Allow, "team-a may scale".into()));
    assert_eq!(decided(EXAMPLE, &scale(known(&["team-b"]))), (Verdict::Deny, "default.changes".into()));
    assert_eq!(decided(EXAMPLE, &scale(known(&["team-a", "team-b"]))).0, Verdict::Deny, "all that it reaches");
    assert_eq!(decided(EXAMPLE, &scale(Fact::Unknown)).0, Verdict::Deny, "unknown does not allow");

    let delete = |clusters: Fact| Facts { clusters, ..facts("k8s_delete_pod", Effect::Destroys) };
    assert_eq!(decided(EXAMPLE, &delete(known(&["prod-1"]))), (Verdict::Deny, "nothing is deleted in prod".into()));
    assert_eq!(decided(EXAMPLE, &delete(Fact::Unknown)).0, Verdict::Deny, "unknown is refused");
    assert_eq!(decided(EXAMPLE, &delete(known(&["dev"]))), (Verdict::Confirm, "default.destroys".into()));
    assert_eq!(decided(EXAMPLE, &delete(Fact::Absent)).0, Verdict::Confirm, "a bucket is in no cluster");

    let secret = |accounts: Fact| Facts { accounts, ..facts("secrets_get_secret", Effect::Reveals) };
    assert_eq!(decided(EXAMPLE, &secret(known(&["111122223333"]))).0, Verdict::Allow);
    assert_eq!(decided(EXAMPLE, &secret(known(&["999999999999"]))).0, Verdict::Deny);
    assert_eq!(decided(EXAMPLE, &secret(Fact::Unknown)).0, Verdict::Deny);
    assert_eq!(decided(EXAMPLE, &facts("ec2_list_instances", Effect::Reads)).0, Verdict::Allow);
}

#[test]
fn an_allow_list_refuses_everything_else_reads_included() {
    let policy = "[only]\nregions = [\"eu-*\"]\naccounts = [\"111122223333\"]\n";
    let reads =
        |regions: Fact, accounts: Fact| Facts { accounts, regions, ..facts("ec2_list_instances", Effect::Reads) };
    let home = || known(&["111122223333"]);
    assert_eq!(decided(policy, &reads(known(&["eu-west-1"]), home())).0, Verdict::Allow);
    assert_eq!(
        decided(policy, &reads(known(&["eu-west-1", "us-east-1"]), home())),
        (Verdict::Deny, "only.regions".into())
    );
    assert_eq!(decided(policy, &reads(Fact::Unknown, home())), (Verdict::Deny, "only.regions".into()));
    assert_eq!(decided(policy, &reads(known(&["eu-west-1"]), Fact::Unknown)), (Verdict::Deny, "only.accounts".into()));
    assert_eq!(decided(policy, &facts("aws_search", Effect::Reads)).0, Verdict::Allow, "what reaches no region");
}

#[test]
fn what_is_protected_may_be_read_and_not_changed() {
    let policy = "[protected]\nids = [\"i-0dead*\"]\ntags = { mcp-protected = \"true\" }\n";
    let tags = |values: &[&str]| -> Option<Vec<BTreeMap<String, String>>> {
        Some(values.iter().map(|value| BTreeMap::from([("mcp-protected".into(), (*value).into())])).collect())
    };
    let stop = |ids: &[&str], tags| Facts { ids: known(ids), tags, ..facts("ec2_stop_instances", Effect::Changes) };
    assert_eq!(decided(policy, &stop(&["i-1"], tags(&["false"]))).0, Verdict::Allow);
    assert_eq!(decided(policy, &stop(&["i-1", "i-2"], tags(&["false", "true"]))).1, "protected.tags.mcp-protected");
    assert_eq!(decided(policy, &stop(&["i-0deadbeef"], tags(&[""]))).1, "protected.ids");
    assert_eq!(decided(policy, &stop(&["i-1"], None)).0, Verdict::Deny, "unknown tags may be the ones");
    assert_eq!(decided(policy, &Facts { ids: known(&["i-0deadbeef"]), ..facts("x", Effect::Reads) }).0, Verdict::Allow);
}

#[test]
fn to_allow_by_a_tag_everything_has_to_carry_it() {
    let policy =
        "[default]\nchanges = \"deny\"\n[[rule]]\nname = \"own\"\nverdict = \"allow\"\ntags = { team = \"a\" }\n";
    let one = |team: &str| BTreeMap::from([("team".to_owned(), team.to_owned())]);
    let stop = |tags: Vec<BTreeMap<String, String>>| Facts {
        ids: known(&["i-1"]),
        tags: Some(tags),
        ..facts("ec2_stop_instances", Effect::Changes)
    };
    assert_eq!(decided(policy, &stop(vec![one("a"), one("a")])).0, Verdict::Allow);
    assert_eq!(decided(policy, &stop(vec![one("a"), BTreeMap::new()])).0, Verdict::Deny);
    assert_eq!(decided(policy, &stop(Vec::new())).0, Verdict::Deny);
}

#[test]
fn a_question_that_may_be_due_is_asked_and_lifts_nothing() {
    let rule = "[[rule]]\nname = \"ask in prod\"\nverdict = \"confirm\"\nnamespaces = [\"prod\"]\n";
    let change = |namespaces: Fact| Facts { namespaces, ..facts("k8s_apply", Effect::Changes) };
    assert_eq!(decided(rule, &change(Fact::Unknown)).0, Verdict::Confirm);
    assert_eq!(decided(rule, &change(known(&["dev"]))).0, Verdict::Allow);
    let closed = format!("[default]\nchanges = \"deny\"\n{rule}");
    assert_eq!(decided(&closed, &change(known(&["prod"]))).0, Verdict::Confirm, "it names what may be asked about");
    assert_eq!(decided(&closed, &change(Fact::Unknown)).0, Verdict::Deny);
}

#[test]
fn an_operation_is_refused_by_whatever_tool_would_send_it() {
    let policy = "[[rule]]\nname = \"no buckets\"\nverdict = \"deny\"\noperations = [\"s3:DeleteBucket\"]\n";
    let sends = |operations: Fact| Facts { operations, ..facts("x", Effect::Destroys) };
    assert_eq!(decided(policy, &sends(known(&["s3:ListBuckets", "s3:DeleteBucket"]))).0, Verdict::Deny);
    assert_eq!(decided(policy, &sends(known(&["s3:ListBuckets"]))).0, Verdict::Allow);
    assert_eq!(decided(policy, &sends(Fact::Unknown)).0, Verdict::Deny);
}

#[test]
fn a_change_that_shows_a_secret_passes_for_both() {
    let policy = "[default]\nreveals = \"deny\"\n";
    let both = Facts { reveals: true, ..facts("ec2_create_key_pair", Effect::Changes) };
    assert_eq!(decided(policy, &both), (Verdict::Deny, "default.reveals".into()));
}

#[test]
fn nobody_is_asked_where_a_rule_names_the_call_in_full() {
    let policy = Policy::parse(
        "[[rule]]\nname = \"nightly\"\nverdict = \"allow\"\nunattended = true\ntools = [\"ec2_terminate_instances\"]\n\
         regions = [\"eu-west-1\"]\n",
    )
    .unwrap();
    let terminate =
        |region: &str| Facts { regions: known(&[region]), ..facts("ec2_terminate_instances", Effect::Destroys) };
    assert!(policy.decide(&terminate("eu-west-1")).unattended);
    assert!(!policy.decide(&terminate("eu-west-2")).unattended);
}

#[test]
fn without_a_policy_the_gates_alone_decide() {
    let decision = Policy::default().decide(&facts("x", Effect::Destroys));
    assert_eq!((decision.verdict, decision.rule.as_str()), (Verdict::Allow, "default.destroys"));
    assert!(decision.considered.is_empty());
}
