//! What an altered log looks like, and a log that several processes write.

use serde_json::json;

use super::{
    super::{Audit, End, When, lines::Lines},
    *,
};

const DONE: End<'_> = End { outcome: "done", plan: None, category: None, code: None, request_id: None };

fn log(calls: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::at(&path);
    for call in 0..calls {
        audit.open(&json!({ "tool": call, "effect": "changes" }), When::Before).unwrap().close(&DONE);
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
    Audit::at(&path).open(&json!({}), When::Before).unwrap().close(&DONE);
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
    Audit::at(&path).open(&json!({}), When::Before).unwrap().close(&DONE);
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
                    audit.open(&json!({ "writer": writer, "call": call }), When::Before).unwrap().close(&DONE);
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
    let mut line = Lines::default();
    line.add(time::OffsetDateTime::UNIX_EPOCH, "s", "begin", &[&format!("\"padding\":\"{}\"", "x".repeat(60))]);
    for _ in 0..6 {
        one.append(&[&line], false).unwrap();
        other.append(&[&line], false).unwrap();
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
    Audit::at(&path).open(&json!({}), When::Before).unwrap().close(&DONE);
    let report = verify(&path, None).unwrap();
    assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
    assert!(report.faults[0].what.starts_with("not JSON"));
}

#[test]
fn a_change_without_an_end_is_named() {
    let (_folder, path) = log(1);
    let audit = Audit::at(&path);
    std::mem::forget(audit.open(&json!({ "tool": "smash", "effect": "destroys" }), When::Before).unwrap());
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
    Audit::at(&path).open(&json!({ "tool": "next" }), When::Before).unwrap().close(&DONE);
    assert_eq!(follow.next_line().unwrap().unwrap()["tool"], "next");
    assert_eq!(follow.next_line().unwrap().unwrap()["event"], "end");
    assert!(follow.next_line().unwrap().is_none());
}

#[test]
fn reads_that_end_at_once_have_one_line_each_and_come_before_what_changes_something() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::at(&path);
    for read in 0..3 {
        audit
            .open(&json!({ "tool": format!("look-{read}"), "id": format!("id-{read}") }), When::Soon)
            .unwrap()
            .close(&DONE);
    }
    audit.open(&json!({ "tool": "smash", "effect": "destroys" }), When::Durably).unwrap().close(&DONE);
    let lines = tail(&path, 10).unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line["event"].as_str().unwrap(), line["tool"].as_str())).collect();
    let expected = [
        ("call", Some("look-0")),
        ("call", Some("look-1")),
        ("call", Some("look-2")),
        ("begin", Some("smash")),
        ("end", None),
    ];
    assert_eq!(told, expected);
    assert_eq!((&lines[0]["outcome"], &lines[4]["call"]), (&json!("done"), &json!(4)));
    let report = verify(&path, None).unwrap();
    assert!(report.sound && report.unfinished.is_empty(), "{report:?}");
    assert_eq!(find(&path, "2").unwrap(), find(&path, "id-1").unwrap());
    assert_eq!(find(&path, "2").unwrap().len(), 1);
}

#[test]
fn what_waits_is_written_at_the_latest_when_the_log_is_closed_and_otherwise_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::at(&path);
    audit.open(&json!({}), When::Soon).unwrap().close(&DONE);
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while tail(&path, 1).map_or(true, |lines| lines.is_empty()) {
        assert!(std::time::Instant::now() < end, "nobody writes it");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(audit.open(&json!({}), When::Soon).unwrap());
    drop(audit);
    let lines = tail(&path, 5).unwrap();
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_takes_its_time_has_its_first_line_by_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit = Audit::at(&path);
    let mut record = audit.open(&json!({ "tool": "slow", "effect": "reads" }), When::Soon).unwrap();
    let begun = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        find(&path, "1").unwrap()
    };
    let begun = record.during(begun).await;
    assert_eq!((begun.len(), &begun[0]["event"], &begun[0]["tool"]), (1, &json!("begin"), &json!("slow")));
    record.close(&DONE);
    let lines = find(&path, "1").unwrap();
    assert_eq!((lines.len(), &lines[1]["event"], &lines[1]["outcome"]), (2, &json!("end"), &json!("done")));
}

#[test]
fn lines_that_cannot_be_written_wait_and_nothing_is_changed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    std::fs::write(&place, "a file where the folder should be").unwrap();
    let audit = Audit::at(&place.join("audit.jsonl"));
    audit.open(&json!({ "tool": "look" }), When::Soon).unwrap().close(&DONE);
    let refused = audit.open(&json!({ "tool": "smash" }), When::Durably).err().unwrap();
    assert_eq!(refused.code_str(), "NoAuditLog");
    std::fs::remove_file(&place).unwrap();
    drop(audit.open(&json!({ "tool": "smash" }), When::Durably).unwrap());
    let lines = tail(audit.path().unwrap(), 5).unwrap();
    let tools: Vec<_> = lines.iter().filter_map(|line| line["tool"].as_str()).collect();
    assert_eq!(tools, ["look", "smash"], "the refused one has no line");
}
