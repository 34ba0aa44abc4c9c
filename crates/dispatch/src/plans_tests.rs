//! Handles that were forged, replayed, lent to another caller, or left lying for too long.

use serde_json::json;

use super::*;

fn plan() -> Plan {
    Plan {
        handle: String::new(),
        tool: "light_smash".into(),
        effect: Effect::Destroys,
        target: json!({ "kind": "light" }),
        plan: json!({ "would": "smash" }),
        principal: "ada".into(),
        caller: "test".into(),
        made: now(),
        digest: "a".into(),
        version: "v".into(),
    }
}

fn claim<'a>(digest: &'a str, principal: &'a str) -> Claim<'a> {
    Claim { digest, principal, by_person: true, call: "7" }
}

fn shelves() -> (tempfile::TempDir, [Plans; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let plans = [Plans::of(None), Plans::of(Some(folder.path()))];
    (folder, plans)
}

#[test]
fn a_handle_works_once_and_for_its_own_call_and_caller_only() {
    let (_folder, shelves) = shelves();
    for plans in shelves {
        let handle = plans.open(plan()).unwrap();
        assert_eq!(plans.redeem(&handle, &claim("a", "ada")).unwrap(), "v");
        assert!(plans.redeem(&handle, &claim("a", "ada")).unwrap_err().message().contains("used before"));
        for (digest, principal, why) in [("b", "ada", "other arguments"), ("a", "eve", "another caller")] {
            let handle = plans.open(plan()).unwrap();
            assert!(plans.redeem(&handle, &claim(digest, principal)).unwrap_err().message().contains(why));
            assert!(plans.redeem(&handle, &claim("a", "ada")).is_err(), "shown by somebody else it is used up");
        }
        let aged = plans.open(Plan { made: now() - LIFETIME, ..plan() }).unwrap();
        assert!(plans.redeem(&aged, &claim("a", "ada")).unwrap_err().message().contains("ten minutes"));
        let ahead = plans.open(Plan { made: now() + 3600, ..plan() }).unwrap();
        assert!(plans.redeem(&ahead, &claim("a", "ada")).is_err(), "a plan from the future");
    }
}

#[test]
fn a_handle_that_nobody_gave_opens_nothing_and_no_file() {
    let (folder, shelves) = shelves();
    std::fs::write(folder.path().join("secret.json"), "{}").unwrap();
    let zeros = format!("plan-{}", "0".repeat(32));
    for plans in shelves {
        for handle in ["", "plan-", "../secret", "plan-../../secret", "plan-0/../../secret", zeros.as_str(), "plan-G"] {
            assert_eq!(plans.redeem(handle, &claim("a", "ada")).unwrap_err().code_str(), "PlanRefused", "{handle}");
        }
    }
    assert!(folder.path().join("secret.json").exists());
}

#[test]
fn without_a_persons_word_a_handle_proves_nothing_until_an_operator_agrees_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let plans = Plans::of(Some(folder.path()));
    let handle = plans.open(plan()).unwrap();
    let alone = Claim { by_person: false, ..claim("a", "ada") };
    let error = plans.redeem(&handle, &alone).unwrap_err();
    assert_eq!(error.code_str(), "ConfirmationRequired");
    assert!(error.hint_str().unwrap().contains(&format!("trainyard approve {handle}")));
    let forged = folder.path().join("plans").join(format!("{handle}.agreed"));
    std::fs::write(&forged, "yes").unwrap();
    assert!(plans.redeem(&handle, &alone).is_err(), "a word that is not sealed");

    let operator = Plans::of(Some(folder.path()));
    assert_eq!(operator.waiting().len(), 1);
    operator.agree(&handle).unwrap();
    assert!(operator.waiting().is_empty());
    let other = plans.open(plan()).unwrap();
    std::fs::copy(&forged, folder.path().join("plans").join(format!("{other}.agreed"))).unwrap();
    assert!(plans.redeem(&other, &alone).is_err(), "a word for another plan");
    assert!(plans.redeem(&handle, &alone).is_ok());
    assert!(Plans::of(None).agree(&handle).is_err());
}

#[test]
fn a_plan_that_was_rewritten_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plans = Plans::of(Some(folder.path()));
    let handle = plans.open(plan()).unwrap();
    let path = folder.path().join("plans").join(format!("{handle}.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"digest\":\"a\"", "\"digest\":\"b\"")).unwrap();
    assert!(plans.redeem(&handle, &claim("b", "ada")).unwrap_err().message().contains("tampered"));
    let other = plans.open(plan()).unwrap();
    std::fs::write(&path, text.replace(&handle, &other)).unwrap();
    assert!(plans.show(&handle).is_err(), "another plan under this name");
}

#[test]
fn whoever_shows_a_used_handle_again_learns_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let plans = Plans::of(Some(folder.path()));
    let handle = plans.open(plan()).unwrap();
    plans.redeem(&handle, &claim("a", "ada")).unwrap();
    // The process was ended here: nobody closed the plan.
    let later = Plans::of(Some(folder.path()));
    let error = later.redeem(&handle, &claim("a", "ada")).unwrap_err();
    assert!(error.message().contains("call 7") && error.message().contains("outcome is unknown"), "{error}");
    plans.close(&handle, "7", "done");
    assert!(later.redeem(&handle, &claim("a", "ada")).unwrap_err().message().contains("ended: done"));
}

#[test]
fn of_many_who_show_a_handle_at_once_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let plans = Plans::of(Some(folder.path()));
    let handle = plans.open(plan()).unwrap();
    let won = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| plans.redeem(&handle, &claim("a", "ada")).is_ok())).collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
}

#[test]
fn old_plans_give_way_in_memory() {
    let plans = Plans::of(None);
    let first = plans.open(Plan { made: now() - 1, ..plan() }).unwrap();
    for _ in 0..MOST {
        plans.open(plan()).unwrap();
    }
    assert!(plans.redeem(&first, &claim("a", "ada")).is_err());
}
