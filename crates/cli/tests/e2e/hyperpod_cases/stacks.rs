//! Stacks.

use serde_json::{Value, json};

use super::{ARN, Case, STACK, TIME, no_stack, ours, priced, result, template};

pub(super) fn cases() -> Vec<Case> {
    let tool = "manage_hyperpod_stacks";
    vec![
        Case {
            tool,
            arguments: json!({ "operation": "deploy", "stack_name": "train-stack", "region_name": "us-west-2",
                "params_file": "$HOME/parameters.json", "profile_name": null }),
            refused: ("cloudformation", "CreateStack"),
            answers: |aws| {
                template(aws);
                no_stack(aws);
                aws.answer("cloudformation", "CreateStack", json!({ "StackId": STACK }));
            },
            check: |answer, aws| {
                result(answer, json!({ "stack_name": "train-stack", "stack_arn": STACK }));
                let sent = &aws.calls_of("CreateStack")[0];
                assert!(
                    sent["TemplateURL"].as_str().unwrap().ends_with("/templates/main-stack-eks-based-template.yaml")
                );
                assert_eq!(sent["OnFailure"], "DELETE");
                let capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
                assert_eq!(sent["Capabilities"], json!(capabilities));
                assert_eq!(sent["Tags"][0], json!({ "Key": "CreatedBy", "Value": "HyperPodMCPServer" }));
                assert_eq!(sent["Parameters"][0]["ParameterValue"], "train");
            },
        },
        Case {
            tool,
            arguments: json!({ "operation": "describe", "stack_name": "train-stack", "region_name": "us-west-2",
                "cluster_orchestrator": "eks", "params_file": null }),
            refused: ("cloudformation", "DescribeStacks"),
            answers: ours,
            check: |answer, _| {
                result(
                    answer,
                    json!({ "stack_name": "train-stack", "stack_id": STACK, "creation_time": TIME,
                    "stack_status": "CREATE_COMPLETE", "outputs": { "ClusterArn": ARN } }),
                );
            },
        },
        Case {
            tool,
            arguments: json!({ "operation": "delete", "stack_name": "train-stack", "region_name": "us-west-2" }),
            refused: ("cloudformation", "DeleteStack"),
            answers: |aws| {
                ours(aws);
                aws.answer("cloudformation", "DeleteStack", json!({}));
            },
            check: |answer, _| result(answer, json!({ "stack_name": "train-stack", "stack_id": STACK })),
        },
        Case {
            tool,
            arguments: json!({ "operation": "plan", "stack_name": "train-stack", "params_file": "$HOME/parameters.json" }),
            refused: ("cloudformation", "CreateChangeSet"),
            answers: |aws| {
                template(aws);
                no_stack(aws);
                priced(aws);
                let change = |id: &str, kind: &str, inner: Value| {
                    let mut change = json!({ "Action": "Add", "LogicalResourceId": id, "ResourceType": kind });
                    if inner.is_string() {
                        change["ChangeSetId"] = inner;
                    }
                    json!({ "Type": "Resource", "ResourceChange": change })
                };
                aws.answer("cloudformation", "CreateChangeSet", json!({ "Id": "arn:outer", "StackId": STACK }));
                aws.answer_with("cloudformation", "DescribeChangeSet", move |call| {
                    let inner = call.input["ChangeSetName"] == "arn:inner";
                    let changes = if inner {
                        json!([change("Vpc", "AWS::EC2::VPC", json!(null))])
                    } else {
                        json!([change("Network", "AWS::CloudFormation::Stack", json!("arn:inner"))])
                    };
                    json!({ "ChangeSetId": call.input["ChangeSetName"], "Status": "CREATE_COMPLETE", "Changes": changes }).into()
                });
            },
            check: |answer, aws| {
                let plan = &answer["result"];
                assert_eq!(
                    (&plan["planned"]["change_set"], &plan["cost"]),
                    (&json!("arn:outer"), &json!({ "cost_per_hour": "120", "currency": "USD" }))
                );
                let changes = plan["planned"]["changes"].as_array().unwrap();
                assert_eq!(
                    (changes.len(), &changes[1]["stack"], &changes[1]["resource_type"]),
                    (2, &json!("Network"), &json!("AWS::EC2::VPC"))
                );
                let sent = &aws.calls_of("CreateChangeSet")[0];
                assert_eq!((&sent["ChangeSetType"], &sent["IncludeNestedStacks"]), (&json!("CREATE"), &json!(true)));
                assert!(aws.calls_of("CreateStack").is_empty() && aws.calls_of("ExecuteChangeSet").is_empty());
            },
        },
        Case {
            tool,
            arguments: json!({ "operation": "write_params", "params_file": "$HOME/new.json" }),
            refused: ("cloudformation", "GetTemplateSummary"),
            answers: |aws| {
                template(aws);
                let zones = ["usw2-az1", "usw2-az2"].map(|zone| json!({ "ZoneId": zone }));
                aws.answer("ec2", "DescribeAvailabilityZones", json!({ "AvailabilityZones": zones }));
            },
            check: |answer, _| {
                let written = &answer["result"];
                assert_eq!((&written["parameters"], &written["to_fill_in"]), (&json!(4), &json!([])));
                let file = std::fs::read_to_string(written["params_file"].as_str().unwrap()).unwrap();
                let file: Vec<Value> = serde_json::from_str(&file).unwrap();
                assert_eq!(file[0]["ParameterValue"], "sagemaker-hyperpod");
                assert!(file[1]["Description"].as_str().unwrap().contains("gamma, prod"), "{file:?}");
                let group: Value = serde_json::from_str(file[2]["ParameterValue"].as_str().unwrap()).unwrap();
                assert_eq!(group[0]["TargetAvailabilityZoneId"], "usw2-az1");
                assert_eq!(file[3]["Description"], "A VPC.");
            },
        },
    ]
}
