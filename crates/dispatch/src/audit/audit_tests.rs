//! What an altered log looks like, and a log that several processes write.

use serde_json::json;

use super::{super::Audit, *};

fn log(calls: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::at(&path);
    for call in 0..calls {
        audit.open(json!({ "tool": call, "effect": "changes" }), false).unwrap().close(json!({ "outcome": "done" }));
    }
    (folder, path)
}

/// Alters the lines of a log; what `verify` says then.
fn altered(alter: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
    let (_folder, path) = log(3);
    assert!(verify(&path, None).unwrap().sound);
    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    alter(&mut lines);
    lines.push(String::new());
    std::fs::write(&path, lines.join("\n")).unwrap();
    let report = verify(&path, None).unwrap();
    assert!(!report.sound);
    report.faults.iter().map(|fault| format!("{}: {}", fault.line, fault.what)).collect()
}

#[test]
fn every_way_of_tampering_shows() {
    let edited = altered(|lines| lines[2] = lines[2].replace("changes", "reads"));
    assert!(edited[0].starts_with("4: does not follow"), "{edited:?}");
    let deleted = altered(|lines| drop(lines.remove(2)));
    assert!(deleted[0].starts_with("3: does not follow"), "{deleted:?}");
    let swapped = altered(|lines| lines.swap(1, 2));
    assert!(swapped.iter().any(|fault| fault.starts_with("2: does not follow")), "{swapped:?}");
    let inserted = altered(|lines| lines.insert(3, lines[3].clone()));
    assert!(inserted[0].starts_with("5: does not follow"), "{inserted:?}");
    let cut = altered(|lines| lines.truncate(4));
    assert_eq!(cut, ["0: 2 lines are missing at its end"]);
    let last = altered(|lines| lines[5] = lines[5].replace("done", "gone"));
    assert_eq!(last, ["0: its last line was altered"]);
    let emptied = altered(Vec::clear);
    assert_eq!(emptied, ["0: 6 lines are missing at its end"]);
    let garbage = altered(|lines| lines[1] = "garbage".into());
    assert!(garbage[0].starts_with("2: not JSON"), "{garbage:?}");
}

#[test]
fn a_hash_that_was_noted_has_to_be_there_still() {
    let (_folder, path) = log(2);
    let noted = verify(&path, None).unwrap().last;
    Audit::at(&path).open(json!({}), false).unwrap().close(json!({}));
    assert_eq!(verify(&path, Some(&noted)).unwrap().expected, Some(true));
    let report = verify(&path, Some("00")).unwrap();
    assert_eq!((report.expected, report.sound), (Some(false), false));
}

#[test]
fn a_cut_log_goes_on_and_still_shows_that_it_was_cut() {
    let (_folder, path) = log(3);
    let text = std::fs::read_to_string(&path).unwrap();
    let half: Vec<&str> = text.split_inclusive('\n').take(4).collect();
    std::fs::write(&path, half.concat()).unwrap();
    Audit::at(&path).open(json!({}), false).unwrap().close(json!({}));
    assert!(!verify(&path, None).unwrap().sound);
}

#[test]
fn many_writers_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                // Each with a chain of its own, as processes have.
                let audit = Audit::at(path);
                for call in 0..50 {
                    audit.open(json!({ "writer": writer, "call": call }), false).unwrap().close(json!({}));
                }
            });
        }
    });
    let report = verify(&path, None).unwrap();
    assert!(report.sound, "{:?}", report.faults);
    assert_eq!(report.lines, 400);
}

#[test]
fn a_log_that_has_grown_is_set_aside_and_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut one = chain::Chain::open(&path).unwrap().at_most(400);
    let mut other = chain::Chain::open(&path).unwrap().at_most(400);
    let line = |sequence: u64, previous: &str| {
        json!({ "sequence": sequence, "previous": previous, "event": "begin", "padding": "x".repeat(60) }).to_string()
    };
    for _ in 0..6 {
        one.append(line, false).unwrap();
        other.append(line, false).unwrap();
    }
    let report = verify(&path, None).unwrap();
    assert!(report.sound, "{:?}", report.faults);
    assert!(report.files.len() > 2, "{:?}", report.files);
    assert_eq!(report.lines, 12);
    std::fs::remove_file(&report.files[0]).unwrap();
    let report = verify(&path, None).unwrap();
    assert!(report.sound && report.first_sequence > 1, "old files may be taken away, and that is said");
    std::fs::remove_file(&report.files[1]).unwrap();
    assert!(!verify(&path, None).unwrap().sound, "but not from the middle");
}

#[test]
fn a_process_that_died_while_it_wrote_breaks_nothing() {
    let (_folder, path) = log(1);
    let half = "{\"time\":\"half a li";
    std::fs::write(&path, format!("{}{half}", std::fs::read_to_string(&path).unwrap())).unwrap();
    Audit::at(&path).open(json!({}), false).unwrap().close(json!({}));
    let report = verify(&path, None).unwrap();
    assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
    assert!(report.faults[0].what.starts_with("not JSON"));
}

#[test]
fn a_change_without_an_end_is_named() {
    let (_folder, path) = log(1);
    let audit = Audit::at(&path);
    std::mem::forget(audit.open(json!({ "tool": "smash", "effect": "destroys" }), false).unwrap());
    let report = verify(&path, None).unwrap();
    assert!(report.sound);
    assert_eq!(report.unfinished.len(), 1);
    assert_eq!(report.unfinished[0]["tool"], "smash");
    assert_eq!(find(&path, "3").unwrap().len(), 1);
    assert_eq!(find(&path, "1").unwrap()[1]["outcome"], "done");
    assert!(find(&path, "2").is_err(), "an end is no call");
    assert_eq!(tail(&path, 2).unwrap().len(), 2);
}

#[test]
fn who_follows_sees_lines_as_they_come() {
    let (_folder, path) = log(1);
    let mut follow = Follow::open(&path).unwrap();
    assert!(follow.next_line().unwrap().is_none());
    Audit::at(&path).open(json!({ "tool": "next" }), false).unwrap().close(json!({}));
    assert_eq!(follow.next_line().unwrap().unwrap()["tool"], "next");
    assert_eq!(follow.next_line().unwrap().unwrap()["event"], "end");
    assert!(follow.next_line().unwrap().is_none());
}
