//! What a caller may read of its own, and of nobody else's.

use serde_json::{Value, json};
use trainyard_contract::ErrorKind;
use trainyard_dispatch::{Confirm, Outcome, RESULTS, Request};

use crate::house::{ALL, House, house};

fn by(principal: &str, tool: &str, arguments: &Value) -> Request {
    let mut request = House::request(tool, arguments);
    principal.clone_into(&mut request.caller.principal);
    request
}

#[tokio::test]
async fn plans_calls_and_results_are_their_callers_only() {
    let house = house(ALL, Confirm::default());
    let Outcome::Ask(question) = house.dispatch.call(by("ann", "light_smash", &json!({ "light": "hall" }))).await
    else {
        panic!()
    };
    let plan = house.dispatch.plan_record(&question.handle, "ann").unwrap();
    assert_eq!((&plan["tool"], &plan["agreed"]), (&json!("light_smash"), &json!(false)));
    assert_eq!(house.dispatch.plan_handles("ann"), std::slice::from_ref(&question.handle));
    house.agree(&question.handle);
    assert_eq!(house.dispatch.plan_record(&question.handle, "ann").unwrap()["agreed"], true);
    for other in ["bob", ""] {
        assert_eq!(house.dispatch.plan_record(&question.handle, other).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(house.dispatch.plan_handles(other).is_empty());
    }
    assert!(house.dispatch.plan_record("plan-../../key", "ann").is_err());

    let note = "a word ".repeat(20_000);
    let Outcome::Done(done) = house.dispatch.call(by("ann", "light_look", &json!({ "note": note }))).await else {
        panic!()
    };
    assert_eq!(done.value["truncated"], true);
    let id = done.value["whole"].as_str().unwrap().strip_prefix(RESULTS).unwrap().to_owned();
    assert_eq!(house.dispatch.result_names("ann"), std::slice::from_ref(&id));
    let (mut text, mut next) = (String::new(), Some(0));
    while let Some(from) = next {
        let (page, after) = house.dispatch.result_page(&id, from, "ann").unwrap();
        text.push_str(page["text"].as_str().unwrap());
        next = after;
    }
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["note"], note);
    assert_eq!(house.dispatch.result_page(&id, 0, "bob").unwrap_err().kind(), ErrorKind::NotFound);

    let audited = house.dispatch.audit_record(None, "ann").unwrap();
    let lines = audited["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["tool"] == "light_smash"), "{audited}");
    let number = lines[0]["sequence"].to_string();
    assert_eq!(house.dispatch.audit_record(Some(&number), "ann").unwrap()["lines"][0]["tool"], "light_smash");
    for other in ["bob", ""] {
        assert_eq!(house.dispatch.audit_record(None, other).unwrap(), json!({ "lines": [] }));
        assert_eq!(house.dispatch.audit_record(Some(&number), other).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn what_was_revealed_and_what_a_shell_asks_for_is_not_kept() {
    let house = house(ALL, Confirm::default());
    house.done("light_tell", json!({})).await;
    let mut request = House::request("light_look", &json!({ "note": "a word ".repeat(20_000) }));
    request.caller.door = "shell";
    let Outcome::Done(done) = house.dispatch.call(request).await else { panic!() };
    assert_eq!((&done.value["truncated"], done.value.get("whole")), (&json!(true), None));
    assert!(house.dispatch.result_names("").is_empty());
}
