//! What callers really send, and what becomes of it.

use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "instance_ids": { "type": "array", "items": { "type": "string" } },
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000 },
            "ratio": { "type": "number" },
            "state": { "type": "string", "enum": ["running", "stopped"], "description": "Only these." },
            "tags": { "type": "object", "additionalProperties": { "type": "string" } },
            "rule": {
                "type": "object",
                "properties": { "port": { "type": "integer" } },
                "required": ["port"],
                "additionalProperties": false
            },
            "force": { "type": "boolean" },
            "protocol": { "type": "string", "enum": ["tcp", "all"], "x-means": { "-1": "all" } },
            "ingress": { "type": "integer", "x-also": ["inbound_rules"] },
            "any": {}
        },
        "required": ["state"],
        "additionalProperties": false
    })
}

fn fitted(arguments: Value) -> Result<Value> {
    let mut arguments = arguments;
    fit(&schema(), &mut arguments, "", 0)?;
    Ok(arguments)
}

fn complaint(arguments: Value) -> String {
    fitted(arguments).unwrap_err().to_string()
}

#[test]
fn the_names_of_other_servers_are_understood() {
    let said = json!({ "state": "running", "InstanceId": "i-1", "inbound_rules": 1, "protocol": -1 });
    let understood = json!({ "state": "running", "instance_ids": ["i-1"], "ingress": 1, "protocol": "all" });
    assert_eq!(fitted(said).unwrap(), understood);
    assert!(complaint(json!({ "state": "running", "ingress": 1, "inbound_rules": 2 })).contains("twice"));
}

#[test]
fn what_can_be_understood_in_one_way_is_accepted() {
    let said = json!({
        "InstanceIds": "i-1",
        "limit": "20",
        "ratio": "0.5",
        "state": "Running",
        "tags": "{\"team\": 1}",
        "rule": { "Port": 22.0 },
        "force": "true",
        "any": [1, { "a": null }]
    });
    let understood = json!({
        "instance_ids": ["i-1"],
        "limit": 20,
        "ratio": 0.5,
        "state": "running",
        "tags": { "team": "1" },
        "rule": { "port": 22 },
        "force": true,
        "any": [1, { "a": null }]
    });
    assert_eq!(fitted(said).unwrap(), understood);
    let one = fitted(json!({ "state": "running", "InstanceId": "i-1" })).unwrap();
    assert_eq!(one["instance_ids"], json!(["i-1"]), "a list, named for one of its things");
    let list = fitted(json!({ "state": "running", "instance_ids": "[\"a\", \"b\"]" })).unwrap();
    assert_eq!(list["instance_ids"], json!(["a", "b"]));
}

#[test]
fn what_cannot_is_refused_with_the_way_to_say_it() {
    assert_eq!(
        complaint(json!({ "state": "running", "instnace_ids": [] })),
        "no argument \"instnace_ids\"; did you mean \"instance_ids\"?"
    );
    assert_eq!(complaint(json!({})), "argument \"state\" is missing; Only these.");
    assert_eq!(
        complaint(json!({ "state": "runing" })),
        "argument \"state\" may not be \"runing\"; did you mean \"running\"? one of: running, stopped"
    );
    assert_eq!(
        complaint(json!({ "state": "running", "limit": 0 })),
        "argument \"limit\" must be from 1 to 1000, not 0"
    );
    assert_eq!(
        complaint(json!({ "state": "running", "limit": "many" })),
        "argument \"limit\" must be a whole number, not \"many\""
    );
    assert_eq!(
        complaint(json!({ "state": "running", "limit": 1.5 })),
        "argument \"limit\" must be a whole number, not 1.5"
    );
    assert_eq!(
        complaint(json!({ "state": "running", "rule": { "prot": 1 } })),
        "no argument \"prot\" in argument \"rule\"; did you mean \"port\"?"
    );
    assert_eq!(complaint(json!({ "state": "running", "rule": {} })), "argument \"rule.port\" is missing");
    assert_eq!(
        complaint(json!({ "state": "running", "instance_ids": [["x"]] })),
        "argument \"instance_ids[0]\" must be a string, not a list"
    );
    assert_eq!(
        complaint(json!({ "state": "running", "State": "stopped" })),
        "argument \"state\" is given twice, once as \"State\""
    );
}

#[test]
fn a_digest_does_not_depend_on_order_and_paging_does_not_bind() {
    let one = json!({ "a": { "x": 1, "y": [1, 2] }, "limit": 5, "cursor": "c" });
    let other = json!({ "cursor": "d", "limit": 6, "a": { "y": [1, 2], "x": 1 } });
    assert_eq!(digest(["t", ""], &one, &PAGING), digest(["t", ""], &other, &PAGING));
    assert_ne!(digest(["t", ""], &one, &[]), digest(["t", ""], &other, &[]));
    assert_ne!(digest(["t", ""], &one, &PAGING), digest(["u", ""], &one, &PAGING));
    let changed = json!({ "a": { "x": 1, "y": [2, 1] } });
    assert_ne!(digest(["t", ""], &one, &PAGING), digest(["t", ""], &changed, &PAGING));
}

#[test]
fn deep_arguments_are_refused_and_do_not_exhaust_the_stack() {
    let mut schema = json!({ "type": "array", "items": {} });
    let mut value = json!([]);
    for _ in 0..60 {
        schema = json!({ "type": "array", "items": schema });
        value = json!([value]);
    }
    let error = fit(&schema, &mut value, "", 0).unwrap_err();
    assert!(error.message().contains("too deeply"), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_input_panics(text in ".{0,200}", key in "[a-z_]{0,12}", number in proptest::num::f64::ANY) {
        for value in [json!(text), json!(number), json!([text]), json!({ key.clone(): text })] {
            for name in ["instance_ids", "limit", "ratio", "state", "tags", "rule", "force", "any", key.as_str()] {
                let _ = fitted(json!({ name: value, "state": "running" }));
            }
        }
    }
}

#[test]
fn a_narrower_name_adds_its_arguments_and_takes_no_others_for_them() {
    let completed = |said: Value| {
        let Value::Object(mut said) = said else { panic!("no object") };
        complete(&mut said, r#"{"market": "spot"}"#).map(|()| Value::Object(said))
    };
    assert_eq!(completed(json!({ "n": 1 })).unwrap(), json!({ "n": 1, "market": "spot" }));
    assert_eq!(completed(json!({ "market": "spot" })).unwrap(), json!({ "market": "spot" }));
    let error = completed(json!({ "Market": "on_demand" })).unwrap_err();
    assert!(error.message().contains("always"), "{error}");
}
