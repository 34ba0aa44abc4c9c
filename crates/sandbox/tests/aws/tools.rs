//! What the project's tools ask of AWS, and what of that is in the sandbox.

use std::collections::BTreeSet;

use trainyard_sandbox::aws::Server;

/// Operations of tools that the sandbox has no state for, and why.
const ABSENT: &[(&str, &str)] = &[
    ("eks-mcpserver:QueryKnowledgeBase", "texts of AWS's own, behind a service of AWS's own"),
    ("ssm:DescribeInstanceInformation", "no machine is behind an instance on which an agent could run"),
    ("ssm:ListCommandInvocations", "no machine is behind an instance on which a command could run"),
    ("ssm:SendCommand", "no machine is behind an instance on which a command could run"),
];

#[test]
fn the_operations_of_all_tools_are_in_the_sandbox_but_for_those_that_are_named() {
    let there: BTreeSet<String> =
        Server::operations().map(|(service, operation)| format!("{service}:{operation}")).collect();
    let table = include_str!("../../../tools/operations.tsv");
    let lists = table.lines().skip(1).filter_map(|line| line.split('\t').nth(2));
    let used: BTreeSet<String> = lists.flat_map(str::split_whitespace).map(str::to_owned).collect();
    assert!(used.len() > 150, "{}", used.len());
    let absent: Vec<&str> = used.difference(&there).map(String::as_str).collect();
    let named: Vec<&str> = ABSENT.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(absent, named);
}
