//! This server in the settings of clients.

use std::fs;

use trainyard_harness::Trainyard;

use crate::BINARY;

const CLIENTS: [&str; 8] =
    ["claude-code", "claude-desktop", "cursor", "vscode", "kiro", "amazon-q", "gemini-cli", "codex"];

#[test]
fn every_client_gets_its_entry_once_and_loses_it_again() {
    let at = Trainyard::bare(BINARY).unwrap();
    for client in CLIENTS {
        let done = at.run(&["install", client, "--", "--allow-write", "--region", "eu-west-1"]).unwrap();
        assert!(done.status.success(), "{client}: {}", done.stderr);
        let path = done.stdout.split(' ').nth(1).unwrap().trim_end_matches(';').to_owned();
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.contains(BINARY) && first.contains("--allow-write") && first.contains("trainyard"), "{first}");
        let again = at.run(&["install", client, "--", "--allow-write", "--region", "eu-west-1"]).unwrap();
        assert!(again.stdout.contains("already"), "{client}: {}", again.stdout);
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        let gone = at.run(&["uninstall", client]).unwrap();
        assert!(gone.status.success(), "{client}: {}", gone.stderr);
        assert!(!fs::read_to_string(&path).unwrap().contains(BINARY));
        let backup = gone.stdout.split("before: ").nth(1).unwrap().trim_end().trim_end_matches(')');
        assert_eq!(fs::read_to_string(backup).unwrap(), first);
    }
}

#[test]
fn printing_writes_nothing_and_a_misspelt_flag_is_found_now() {
    let at = Trainyard::bare(BINARY).unwrap();
    let printed = at.run(&["install", "vscode", "--print"]).unwrap();
    assert!(printed.stdout.contains("\"servers\"") && printed.stdout.contains("\"stdio\""), "{}", printed.stdout);
    let refused = at.run(&["install", "cursor", "--", "--alow-write"]).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--alow-write"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(at.home()).unwrap().count(), 0);
}

#[test]
fn a_file_of_somebody_else_keeps_its_comments_links_and_rights() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let at = Trainyard::bare(BINARY).unwrap();
    let (real, link) = (at.home().join("real.json"), at.home().join("link.json"));
    fs::write(&real, "{\n  // mine\n  \"servers\": { \"other\": { \"command\": \"x\" } }\n}\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&real, &link).unwrap();
    let done = at.run(&["install", "vscode", "--file", link.to_str().unwrap()]).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
    let text = fs::read_to_string(&real).unwrap();
    assert!(text.contains("// mine") && text.contains("\"other\"") && text.contains("trainyard"), "{text}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&real, "{ broken").unwrap();
    let refused = at.run(&["install", "vscode", "--file", link.to_str().unwrap()]).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&real).unwrap(), "{ broken");
}
