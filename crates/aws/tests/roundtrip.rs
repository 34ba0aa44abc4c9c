//! What is written is read back the same, whatever it is.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use trainyard_aws::{
    catalogue,
    offline::{Meaning, Message, Offline},
    project, validate,
};

static DYNAMODB: LazyLock<Offline> = LazyLock::new(|| Offline::new(catalogue::service("dynamodb").expect("known")));
static EC2: LazyLock<Offline> = LazyLock::new(|| Offline::new(catalogue::service("ec2").expect("known")));
static S3: LazyLock<Offline> = LazyLock::new(|| Offline::new(catalogue::service("s3").expect("known")));

/// A typed value of DynamoDB: every kind of scalar, list and map, nested.
fn attribute() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|text| json!({"S": text})),
        any::<i64>().prop_map(|number| json!({"N": number.to_string()})),
        any::<bool>().prop_map(|truth| json!({"BOOL": truth})),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|it| json!({"B": aws_smithy_types::base64::encode(it)})),
        prop::collection::vec(any::<String>(), 0..4).prop_map(|texts| json!({"SS": texts})),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| json!({"L": items})),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(|entries| json!({"M": entries})),
        ]
    })
}

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        let names = prop_oneof![
            Just("InstanceIds".to_owned()),
            Just("Filters".to_owned()),
            Just("MaxResults".to_owned()),
            Just("Name".to_owned()),
            Just("Values".to_owned()),
            any::<String>()
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5).prop_map(|it| it.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn output(service: &Offline, operation: &str, body: Vec<u8>) -> Value {
    let answer = Message { status: 200, body, ..Message::default() };
    match service.answer(operation, &answer) {
        Ok(Meaning::Output(output)) => output,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn json_keeps_every_value(item in prop::collection::btree_map("[a-z]{1,8}", attribute(), 1..5)) {
        let item = json!(item);
        let request = DYNAMODB.request("PutItem", json!({"TableName": "t", "Item": item})).expect("sound");
        let sent: Value = serde_json::from_slice(&request.body).expect("JSON");
        prop_assert_eq!(&sent["Item"], &item);
        let got = output(&DYNAMODB, "GetItem", json!({"Item": sent["Item"]}).to_string().into_bytes());
        prop_assert_eq!(&got["Item"], &item);
    }

    #[test]
    fn xml_keeps_every_text(tags in prop::collection::vec(("[^\\p{C}]{1,20}", "(\\PC|[\t\n\r<>&\"'])*"), 0..6)) {
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let input = json!({"Bucket": "b", "Tagging": {"TagSet": tags}});
        let request = S3.request("PutBucketTagging", input.clone()).expect("sound");
        let got = output(&S3, "GetBucketTagging", request.body);
        prop_assert_eq!(&got["TagSet"], &json!(tags));
    }

    #[test]
    fn anything_is_judged_and_nothing_falls_over(input in anything()) {
        let sound = validate("ec2", "DescribeInstances", &input).is_ok();
        let written = EC2.request("DescribeInstances", input.clone());
        // What is judged sound can be written.
        prop_assert!(!sound || written.is_ok());
    }

    #[test]
    fn answers_of_any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), status in 200_u16..600) {
        for (service, operation) in [(&*DYNAMODB, "GetItem"), (&*S3, "ListObjectsV2"), (&*S3, "GetObject")] {
            let answer = Message { status, body: body.clone(), ..Message::default() };
            drop(service.answer(operation, &answer));
        }
    }

    #[test]
    fn expressions_of_any_text_are_run_or_refused(text in "[\\[\\]@*.|a-c,{}:&()`'0-9 ]{0,60}", value in anything()) {
        drop(project(&text, &value));
    }
}
