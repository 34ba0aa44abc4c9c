//! Every tool of toolset `ec2`, called: with success on moto, refused by the gate, and refused by the service.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Reply, Seen, Session, Trainyard};

use crate::{BINARY, datasets::ministack, with_moto};

const SERVE: [&str; 6] = ["--toolsets", "ec2", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];

/// How a tool is called with success, and what of its answer shows it.
type Success = fn(&mut World);

/// One line a tool. Prices need a stand-in: see `ec2_money`. `F` and a number: see `faults`.
const CASES: &[(&str, Success)] = &[
    ("ec2_list_instances", |world| {
        let id = world.instance();
        let rows = world.rows("ec2_list_running_instances", json!({ "instance_id": id }));
        assert_eq!(rows[0]["instance_id"], *id, "one id where a list is wanted, under a narrower name");
        world.rows("ec2.list_ec2_instances", json!({}));
    }),
    ("ec2_list_instances_by_tag", |world| {
        let id = world.instance();
        assert_eq!(world.rows("ec2.list_instances_by_tag", json!({ "tag_key": "case" }))[0]["instance_id"], *id);
        let none = world.rows("ec2_list_instances_by_tag", json!({ "tag_key": "case", "tag_value": "other" }));
        assert!(none.is_empty(), "{none:?}");
    }),
    ("ec2_describe_instances", |world| {
        let id = world.instance();
        let found = world.call("ec2_describe_instances", json!({ "InstanceIds": [id] }));
        let one = &found["instances"][0];
        assert_eq!((&one["metadata_options"]["http_tokens"], &one["name"]), (&json!("required"), &json!("table")));
        assert_eq!(one["volumes"][0]["encrypted"], true, "{one}");
    }),
    ("ec2_get_instance_status", |world| {
        let id = world.instance();
        assert_eq!(world.rows("ec2_get_instance_status", json!({ "instance_ids": [id] }))[0]["state"], "running");
        world.rows("ec2_get_instance_status", json!({ "unhealthy_only": true }));
    }),
    ("ec2_get_instance_vpc_info", |world| {
        let id = world.instance();
        let found = world.call("ec2.get_instance_vpc_info", json!({ "instance_id": id }));
        assert_eq!(found["instances"][0]["subnet_id"], found["subnets"][0]["subnet_id"], "{found}");
    }),
    ("ec2_generate_instance_ssh_instruction", |world| {
        let id = world.instance();
        let found =
            world.call("ec2_generate_instance_ssh_instruction", json!({ "instance_id": id, "pem_path": "k.pem" }));
        // F30: ways that need no guess, and the user not out of the digits of the image's id.
        assert!(found["commands"].as_array().unwrap().iter().any(|way| way["via"] == "ssm"), "{found}");
    }),
    ("ec2_create_instance", |world| {
        let image = world.image();
        let arguments = json!({ "ImageId": image, "InstanceType": "m5.large", "MinCount": 3, "MaxCount": 3,
                                "client_token": "attempt-1", "wait": true });
        let made = world.call("ec2.create_instance", arguments);
        let ids: BTreeSet<_> =
            made["instances"].as_array().unwrap().iter().map(|it| it["instance_id"].to_string()).collect();
        assert_eq!(ids.len(), 3, "F09, every instance is told: {made}");
        assert_eq!((&made["client_token"], &made["waited"]["reached"]), (&json!("attempt-1"), &json!(true)), "{made}");
        let spot = world.call(
            "ec2_create_spot_instance",
            json!({ "image_id": image, "instance_type": "m5.large", "max_price": "0.20" }),
        );
        assert!(spot["instances"][0]["instance_id"].is_string(), "{spot}");
    }),
    ("ec2_start_instances", |world| {
        let id = world.stopped();
        let changed = world.call("ec2.start_instance", json!({ "instance_id": id, "wait": true }));
        assert_eq!(changed["reached"], true, "{changed}");
    }),
    ("ec2_stop_instances", |world| {
        world.stopped();
    }),
    ("ec2_reboot_instances", |world| {
        let id = world.instance();
        // F28: several at once, under the older server's spelling, too.
        let two = [id.clone(), world.launch("second")];
        assert_eq!(world.call("ec2.reboot_instance", json!({ "InstanceIds": two }))["accepted"], json!(two));
    }),
    ("ec2_terminate_instances", |world| {
        let id = world.stopped();
        let gone = world.call("ec2_terminate_instances", json!({ "instance_ids": [id], "wait": true }));
        let told = ["volumes_deleted", "volumes_kept"].map(|name| gone[name].as_array().map_or(0, Vec::len));
        assert_eq!(told.iter().sum::<usize>(), 1, "what becomes of its volume is told: {gone}");
    }),
    ("ec2_modify_instance_attribute", |world| {
        let id = world.instance();
        let refused =
            world.fail("ec2.change_instance_type", &json!({ "instance_id": id, "instance_type": "m5.xlarge" }));
        assert_eq!(refused["category"], "conflict", "a running instance keeps its type: {refused}");
        let changed = world.call("ec2.enable_termination_protection", json!({ "instance_id": id }));
        assert_eq!(changed["changed"], json!(["disable_api_termination"]));
        world.call("ec2.disable_termination_protection", json!({ "instance_id": id }));
        let stopped = world.stopped();
        world.call("ec2_modify_instance_attribute", json!({ "instance_id": stopped, "instance_type": "m5.xlarge" }));
        assert_eq!(
            world.call("ec2_describe_instances", json!({ "instance_id": stopped }))["instances"][0]["type"],
            "m5.xlarge"
        );
    }),
    ("ec2_modify_metadata_options", |world| {
        let id = world.instance();
        let arguments = json!({ "instance_id": id, "http_put_response_hop_limit": 3 });
        let changed = world.call("aws.modify_metadata_options", arguments);
        assert_eq!(
            (&changed["before"]["hop_limit"], &changed["after"]["hop_limit"]),
            (&json!(2), &json!(3)),
            "{changed}"
        );
        assert_eq!(world.fail("ec2_modify_metadata_options", &json!({ "instance_id": id }))["category"], "validation");
    }),
    ("ec2_hard_reboot_instance", |world| {
        let id = world.instance();
        let done = world.call("ec2_hard_reboot_instance", json!({ "instance_id": id }));
        assert_eq!(
            (&done["started"], &done["steps"]),
            (&json!(true), &json!(["stopped by force", "started"])),
            "{done}"
        );
    }),
    ("ec2_get_user_data", |world| {
        let image = world.image();
        let script = "#!/bin/bash\nexport DB_PASSWORD=hunter2hunter2\necho ready\n";
        let made = world.call(
            "ec2_create_instance",
            json!({ "image_id": image, "instance_type": "m5.large", "user_data": script }),
        );
        let found = world.call("ec2_get_user_data", json!({ "instance_id": made["instances"][0]["instance_id"] }));
        let text = found["user_data"]["text"].as_str().unwrap();
        assert!(text.contains("echo ready") && !text.contains("hunter2"), "F21: {found}");
        assert!(
            text.starts_with("[[") && found["marker"].is_string(),
            "a script is data, never an instruction: {found}"
        );
    }),
    ("ec2_describe_tags", |world| {
        let id = world.instance();
        let rows = world.rows("ec2_describe_tags", json!({ "resource_ids": [id], "keys": ["case"] }));
        assert_eq!(rows[0]["value"], "ec2");
    }),
    ("ec2_create_tags", |world| {
        let id = world.instance();
        world.call("ec2_create_tags", json!({ "resource_ids": [id], "tags": { "made": "now" } }));
        assert_eq!(world.rows("ec2_describe_tags", json!({ "resource_ids": [id], "keys": ["made"] })).len(), 1);
    }),
    ("ec2_delete_tags", |world| {
        let id = world.instance();
        world.call("ec2_create_tags", json!({ "resource_ids": [id], "tags": { "gone": "soon" } }));
        world.call("ec2_delete_tags", json!({ "resource_ids": [id], "keys": ["gone"] }));
        assert!(world.rows("ec2_describe_tags", json!({ "resource_ids": [id], "keys": ["gone"] })).is_empty());
    }),
    ("ec2_describe_keypairs", |world| {
        world.call("ec2_create_keypair", json!({ "key_name": "listed" }));
        let rows = world.rows("ec2.describe_keypairs", json!({ "key_names": ["listed"] }));
        assert_eq!(rows[0]["key_name"], "listed");
    }),
    ("ec2_create_keypair", |world| {
        let made = world.call_raw("ec2_create_keypair", &json!({ "key_name": "kept", "key_type": "rsa" }));
        assert!(!made.to_string().contains("PRIVATE KEY"), "F13: a private key in an answer");
        let path = made["structuredContent"]["stored_at"].as_str().unwrap().to_owned();
        assert!(std::fs::read_to_string(&path).unwrap().contains("PRIVATE KEY"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = world.fail("ec2_create_keypair", &json!({ "key_name": "kept" }));
        assert_eq!(again["category"], "already_exists", "{again}");
        let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJGLm5u0YmTzwNVY0xP7WzqjYQ0LhDkqfC1mS6lJ0S6T me@example.com";
        world.call("ec2_create_keypair", json!({ "key_name": "imported", "public_key": public }));
    }),
    ("ec2_delete_keypair", |world| {
        world.call("ec2_create_keypair", json!({ "key_name": "short-lived" }));
        let gone = world.call("ec2.delete_keypair", json!({ "key_name": "short-lived" }));
        assert_eq!((&gone["deleted"], &gone["existed"]), (&json!(true), &json!(true)), "{gone}");
        let never = world.call("ec2_delete_keypair", json!({ "key_name": "never-there" }));
        assert_eq!((&never["deleted"], &never["existed"]), (&json!(false), &json!(false)), "F14: {never}");
    }),
    ("ec2_describe_images", |world| {
        assert!(!world.image().is_empty());
        let newest = world
            .rows("aws.describe_images", json!({ "owners": ["amazon"], "name_pattern": "*", "latest_only": true }));
        assert_eq!(newest.len(), 1);
        assert_eq!(world.fail("ec2_describe_images", &json!({ "owners": ["amazon"] }))["category"], "validation");
        world.rows("ec2_describe_images", json!({}));
    }),
    ("ec2_create_ami", |world| {
        world.own_image("made");
    }),
    ("ec2_copy_ami", |world| {
        let image = world.own_image("to-copy");
        let source = world.region;
        let copy =
            world.call("ec2_copy_ami", json!({ "source_image_id": image, "source_region": source, "name": "copied" }));
        assert!(copy["image_id"].as_str().unwrap().starts_with("ami-"), "{copy}");
    }),
    ("ec2_deregister_ami", |world| {
        let image = world.own_image("to-deregister");
        let plan = world.call("ec2_deregister_ami", json!({ "image_id": image, "dry_run": true }));
        assert_eq!(plan["plan"]["image"]["image_id"], *image, "{plan}");
        assert_eq!(world.call("aws.deregister_ami", json!({ "image_id": image }))["deregistered"], *image);
    }),
    ("ec2_list_launch_templates", |world| {
        world.template("listed");
        assert!(!world.rows("ec2_list_launch_templates", json!({})).is_empty());
    }),
    ("ec2_describe_launch_template", |world| {
        world.template("described");
        let found = world.call("ec2_describe_launch_template", json!({ "LaunchTemplateName": "described" }));
        let version = &found["versions"][0];
        assert_eq!(version["data"]["InstanceType"], "m5.large", "F17, the data, not the header alone: {found}");
        assert_eq!(version["data"]["MetadataOptions"]["HttpTokens"], "required", "{found}");
        let script = version["user_data"]["text"].as_str().unwrap();
        assert!(script.contains("echo hello") && !script.contains("hunter2"), "{found}");
    }),
    ("ec2_create_launch_template", |world| {
        world.template("made");
    }),
    ("ec2_create_launch_template_version", |world| {
        world.template("changed");
        let arguments = json!({ "launch_template_name": "changed", "instance_type": "m5.xlarge", "set_default": true });
        let made = world.call("ec2_create_launch_template_version", arguments);
        assert_eq!((&made["version"], &made["changed"]), (&json!(2), &json!(["InstanceType"])), "{made}");
        assert_eq!(made["from_version"], "$Default", "F15: what is not said is that of the version before");
        let header = world.rows("ec2_list_launch_templates", json!({ "launch_template_names": ["changed"] }));
        assert_eq!(header[0]["default_version"], 2);
        let launched = world.call("ec2.launch_from_template", json!({ "launch_template_name": "changed" }));
        assert_eq!(launched["instances"][0]["type"], "m5.xlarge", "F16, the default version: {launched}");
    }),
    ("ec2_delete_launch_template", |world| {
        world.template("deleted");
        let gone = world.call("ec2_delete_launch_template", json!({ "launch_template_name": "deleted" }));
        assert_eq!(gone["deleted"]["name"], "deleted");
    }),
    ("ec2_create_security_group", |world| {
        // F11: a rule for all protocols has no ports, and sources are of every kind.
        let vpc = world.vpc();
        let rules = json!([{ "protocol": "-1", "cidr": "10.0.0.0/8" },
                           { "protocol": "tcp", "from_port": 443, "cidr_ipv6": "::/0", "description": "TLS" }]);
        let arguments = json!({ "group_name": "rules", "description": "d", "vpc_id": vpc, "inbound_rules": rules });
        let made = world.call("ec2.create_security_group", arguments);
        // The emulator answers with the rules of the last source only, and keeps both.
        assert!(!made["rules"].as_array().unwrap().is_empty(), "{made}");
        let kept = world.call("ec2_describe_security_groups", json!({ "group_ids": [made["group_id"]] })).to_string();
        assert!(kept.contains("in all from 10.0.0.0/8") && kept.contains("in tcp 443 from ::/0"), "{kept}");
        // F10: AWS refuses the rule, and the group that is there by then is named.
        let rules = json!([{ "protocol": "tcp", "from_port": 443, "source_group_id": "sg-00000000000000000" }]);
        let arguments = json!({ "group_name": "half", "description": "d", "vpc_id": vpc, "ingress": rules });
        let error = world.fail("ec2_create_security_group", &arguments);
        let partial = error["partial"][0].as_str().unwrap();
        assert!(partial.starts_with("created sg-") && error["hint"].is_string(), "{error}");
    }),
    ("ec2_describe_security_groups", |world| {
        let id = world.group("listed");
        let rows = world.rows("ec2.list_security_groups", json!({ "group_ids": [id] }));
        assert_eq!((&rows[0]["name"], &rows[0]["open_to_world"]), (&json!("listed"), &json!(false)), "{rows:?}");
        assert!(!world.rows("ec2.describe_security_group", json!({})).is_empty());
    }),
    ("ec2_authorize_security_group_ingress", |world| {
        // F12: ports of administrators are not opened to the world unless that is said.
        let id = world.group("opened");
        let ssh =
            json!({ "group_id": id, "rules": [{ "protocol": "tcp", "from_port": 22, "cidr_ipv4": "0.0.0.0/0" }] });
        let refused = world.fail("ec2_authorize_security_group_ingress", &ssh);
        assert!(refused["hint"].as_str().unwrap().contains("open_to_world"), "{refused}");
        let mut knowingly = ssh;
        knowingly["open_to_world"] = true.into();
        let opened = world.call("ec2.authorize_security_group_rules", knowingly);
        assert!(opened["rules"][0]["rule_id"].as_str().unwrap().starts_with("sgr-"), "F11, with its id: {opened}");
        assert_eq!(world.rows("ec2_describe_security_groups", json!({ "group_ids": [id] }))[0]["open_to_world"], true);
    }),
    ("ec2_revoke_security_group_rules", |world| {
        let id = world.group("closed");
        let rule =
            json!({ "group_id": id, "rules": [{ "protocol": "tcp", "from_port": 443, "cidr_ipv4": "10.0.0.0/8" }] });
        let opened = world.call("ec2_authorize_security_group_ingress", rule);
        let gone =
            world.call("ec2_revoke_security_group_rules", json!({ "rule_ids": [opened["rules"][0]["rule_id"]] }));
        assert_eq!(gone["revoked"].as_array().unwrap().len(), 1, "{gone}");
    }),
    ("ec2_delete_security_group", |world| {
        let id = world.group("deleted");
        let plan = world.call("ec2_delete_security_group", json!({ "group_id": id, "dry_run": true }));
        assert_eq!(plan["plan"]["blocked"], false, "{plan}");
        assert_eq!(world.call("ec2.delete_security_group", json!({ "group_id": id }))["deleted"], id);
        let gone = world.fail("ec2_describe_security_groups", &json!({ "group_ids": [id] }));
        assert_eq!(gone["category"], "not_found", "{gone}");
    }),
    ("ec2_get_spot_price_history", |world| {
        let rows = world.rows("ec2_get_spot_price_history", json!({ "instance_type": "m5.large", "hours": 48 }));
        assert!(rows.iter().all(|row| row["now"].is_string() && row["zone"].is_string()), "{rows:?}");
    }),
    ("ec2_list_spot_requests", |world| {
        world.spot_request();
        assert!(!world.rows("ec2.list_spot_requests", json!({})).is_empty());
    }),
    ("ec2_cancel_spot_request", |world| {
        let id = world.spot_request();
        let gone = world.call("ec2_cancel_spot_request", json!({ "spot_request_id": id }));
        assert_eq!(gone["cancelled"], json!([id]));
    }),
];

/// Tools whose success is shown elsewhere.
const ELSEWHERE: [&str; 2] = ["ec2_get_ondemand_price", "ec2_estimate_instance_cost"];

/// A session on moto, and what the cases have in common.
struct World {
    session: Session,
    region: &'static str,
    image: Option<String>,
    instance: Option<String>,
}

impl World {
    fn call_raw(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.session.call(tool, arguments.clone()).unwrap();
        assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
        result
    }

    #[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.call_raw(tool, &arguments)["structuredContent"].take()
    }

    /// Rows as objects.
    fn rows(&mut self, tool: &str, arguments: Value) -> Vec<Value> {
        let found = self.call(tool, arguments);
        let columns: Vec<_> = found["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let row = |cells: &Value| -> Value {
            columns
                .iter()
                .zip(cells.as_array().unwrap())
                .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
                .collect()
        };
        found["rows"].as_array().unwrap().iter().map(row).collect()
    }

    fn fail(&mut self, tool: &str, arguments: &Value) -> Value {
        let mut result = self.session.call(tool, arguments.clone()).unwrap();
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        result["structuredContent"]["error"].take()
    }

    fn image(&mut self) -> String {
        if self.image.is_none() {
            let found =
                self.rows("ec2_describe_images", json!({ "owners": ["amazon"], "name_pattern": "amzn*", "limit": 1 }));
            self.image = Some(found[0]["image_id"].as_str().unwrap().to_owned());
        }
        self.image.clone().unwrap()
    }

    fn launch(&mut self, name: &str) -> String {
        let image = self.image();
        let arguments =
            json!({ "image_id": image, "instance_type": "m5.large", "tags": { "Name": name, "case": "ec2" } });
        let made = self.call("ec2_create_instance", arguments);
        made["instances"][0]["instance_id"].as_str().unwrap().to_owned()
    }

    /// An instance that runs.
    fn instance(&mut self) -> String {
        if self.instance.is_none() {
            self.instance = Some(self.launch("table"));
        }
        self.instance.clone().unwrap()
    }

    /// An instance of its own, stopped.
    fn stopped(&mut self) -> String {
        let id = self.launch("stopped");
        let changed = self.call("ec2.stop_instance", json!({ "InstanceIds": id, "wait": true }));
        assert_eq!(changed["reached"], true, "{changed}");
        self.call("ec2_delete_tags", json!({ "resource_ids": [id], "keys": ["case"] }));
        id
    }

    fn own_image(&mut self, name: &str) -> String {
        let id = self.instance();
        // F18: an image is made of a file system at rest unless that is said; F25: and is waited for.
        let made = self.call("aws.create_ami", json!({ "instance_id": id, "name": name, "wait": true }));
        assert_eq!((&made["rebooted"], &made["waited"]["reached"]), (&json!(true), &json!(true)), "{made}");
        made["image_id"].as_str().unwrap().to_owned()
    }

    fn template(&mut self, name: &str) {
        let image = self.image();
        let made = self.call("ec2_create_launch_template", json!({
            "LaunchTemplateName": name, "ImageId": image, "InstanceType": "m5.large", "subnet_id": "subnet-12345678",
            "user_data": "#!/bin/sh\nDB_PASSWORD=hunter2hunter2 echo hello\n"
        }));
        assert_eq!(made["latest_version"], 1, "{made}");
    }

    fn vpc(&mut self) -> Value {
        let call = json!({ "service": "ec2", "operation": "DescribeVpcs", "query": "Vpcs[0].VpcId" });
        self.call("aws_call", call)["result"].take()
    }

    /// A security group without rules of its own.
    fn group(&mut self, name: &str) -> Value {
        let vpc = self.vpc();
        let arguments = json!({ "group_name": name, "description": "d", "vpc_id": vpc });
        self.call("ec2_create_security_group", arguments)["group_id"].take()
    }

    fn spot_request(&mut self) -> String {
        let image = self.image();
        let parameters = json!({ "SpotPrice": "0.2", "InstanceCount": 1,
            "LaunchSpecification": { "ImageId": image, "InstanceType": "m5.large" } });
        let call = json!({ "service": "ec2", "operation": "RequestSpotInstances", "parameters": parameters });
        let made = self.call("aws_call", call);
        let id = &made["result"]["SpotInstanceRequests"][0]["SpotInstanceRequestId"];
        id.as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }
}

/// The tools of the toolset, with their examples and effects.
fn tools() -> Vec<Value> {
    let at = Trainyard::bare(BINARY).unwrap();
    let list: Value = serde_json::from_str(&at.run(&["tools", "--json", "--toolsets", "ec2"]).unwrap().stdout).unwrap();
    list["tools"].as_array().unwrap().clone()
}

#[test]
fn every_tool_has_its_case() {
    let tools: BTreeSet<_> = tools().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    let cases: BTreeSet<_> = CASES.iter().map(|(name, _)| *name).chain(ELSEWHERE).map(str::to_owned).collect();
    assert_eq!(tools, cases);
}

/// The tools whose cases failed.
fn failing(at: &Trainyard, region: &'static str) -> Vec<&'static str> {
    let mut flags = SERVE.to_vec();
    flags[1] = "ec2,aws";
    let session = at.serve(&flags, Era::Modern).unwrap();
    let mut world = World { session, region, image: None, instance: None };
    world.session.hello().unwrap();
    // All of them, so that one failure does not hide the next.
    let mut fails = |success: &Success| catch_unwind(AssertUnwindSafe(|| success(&mut world))).is_err();
    CASES.iter().filter(|(_, success)| fails(success)).map(|(name, _)| *name).collect()
}

#[test]
fn every_tool_succeeds() {
    let failed = failing(&with_moto("eu-west-2"), "eu-west-2");
    assert!(failed.is_empty(), "{failed:?}");
}

/// What `MiniStack` does not do as EC2 does. On moto these succeed.
const NOT_ON_MINISTACK: &[(&str, &str)] = &[
    ("ec2_describe_instances", "has no metadata options"),
    ("ec2_modify_instance_attribute", "no ModifyInstanceAttribute"),
    ("ec2_modify_metadata_options", "no ModifyInstanceMetadataOptions"),
    ("ec2_get_user_data", "keeps no user data"),
    ("ec2_create_ami", "no CreateImage"),
    ("ec2_copy_ami", "no CreateImage"),
    ("ec2_deregister_ami", "no CreateImage"),
    ("ec2_create_launch_template_version", "launches other types than the template says"),
    ("ec2_create_security_group", "takes rules from a group that does not exist"),
    ("ec2_delete_security_group", "deletes when it is only asked for a dry run, which the tool then says"),
    ("ec2_get_spot_price_history", "no DescribeSpotPriceHistory"),
    ("ec2_list_spot_requests", "no RequestSpotInstances"),
    ("ec2_cancel_spot_request", "no RequestSpotInstances"),
];

#[test]
fn every_tool_succeeds_on_a_second_emulator_where_that_can() {
    let at = Trainyard::at(BINARY, &ministack()).unwrap().with("AWS_REGION", "eu-west-3");
    let expected: Vec<_> = NOT_ON_MINISTACK.iter().map(|(name, _)| *name).collect();
    assert_eq!(failing(&at, "eu-west-3"), expected);
}

/// An endpoint that allows nothing, in the words of whichever protocol it is asked in.
fn forbidding() -> Endpoint {
    Endpoint::start(|seen| {
        if seen.header("x-amz-target").is_some() {
            let body = r#"{"__type":"AccessDeniedException","message":"User: me is not authorized to perform this"}"#;
            return Reply::new(400, "application/x-amz-json-1.1", body);
        }
        let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform \
                    this operation.</Message></Error></Errors><RequestID>11111111-2222-3333-4444-555555555555</RequestID></Response>";
        Reply::new(403, "text/xml", body)
    })
    .unwrap()
}

#[test]
fn what_the_service_refuses_is_told_with_its_code_and_what_the_gate_refuses_is_not_sent() {
    let endpoint = forbidding();
    let at = Trainyard::at(BINARY, &endpoint.url()).unwrap();
    let mut open = at.serve(&SERVE, Era::Modern).unwrap();
    let mut closed = at.serve(&["--toolsets", "ec2"], Era::Modern).unwrap();
    open.hello().unwrap();
    closed.hello().unwrap();
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let one = at.run(&["tools", name, "--json", "--toolsets", "ec2"]).unwrap();
        let one: Value = serde_json::from_str(&one.stdout).unwrap();
        let (example, effect) = (&one["calls"][0]["example"], &one["calls"][0]["effect"]);
        endpoint.take();
        let refused = open.call(name, example.clone()).unwrap();
        let error = &refused["structuredContent"]["error"];
        assert_eq!(
            (&refused["isError"], &error["category"]),
            (&json!(true), &json!("access_denied")),
            "{name}: {refused}"
        );
        for member in ["code", "service", "operation", "region", "hint"] {
            assert!(error[member].is_string(), "{name} does not say its {member}: {error}");
        }
        // The trail of the account says for which call of which tool.
        let said = format!(" md/tool#{name} md/call#");
        let says = |seen: &Seen| seen.header("user-agent").is_some_and(|agent| agent.contains(&said));
        assert!(endpoint.take().iter().all(says), "{name}");
        let gated = closed.call(name, example.clone()).unwrap();
        let category = &gated["structuredContent"]["error"]["category"];
        if effect == "reads" {
            assert_eq!(category, "access_denied", "{name}: a read goes through");
        } else {
            assert_eq!(category, "policy_denied", "{name}: {gated}");
            assert!(endpoint.take().is_empty(), "{name} was sent");
        }
    }
}
