//! Commands that open a shell on an instance, for a person to run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, ErrorKind, Result};

use crate::aws::ec2::{images::Image, instances::wire::Instance};

/// A way to a shell.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Via {
    Public,
    Private,
    Ssm,
    InstanceConnect,
}

/// Whom to log in as.
#[derive(Debug, PartialEq)]
pub(super) struct User {
    name: Option<String>,
    confidence: Confidence,
}

/// How sure the user is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Confidence {
    /// The caller said so.
    Given,
    /// The AMI is one that this user is the documented one of.
    Likely,
    /// Nothing tells.
    Unknown,
}

/// Distributions by words of their images' names, with their users. The first that fits counts.
const USERS: [(&str, &str); 10] = [
    ("ubuntu", "ubuntu"),
    ("debian", "admin"),
    ("rocky", "rocky"),
    ("almalinux", "ec2-user"),
    ("centos", "centos"),
    ("fedora", "fedora"),
    ("rhel", "ec2-user"),
    ("suse", "ec2-user"),
    ("al2023", "ec2-user"),
    ("amzn", "ec2-user"),
];

/// The user of an instance, from what the caller said or from its image.
pub(super) fn user(given: Option<String>, image: Option<&Image>) -> User {
    if given.is_some() {
        return User { name: given, confidence: Confidence::Given };
    }
    let texts = image.map(|image| [&image.name, &image.description].map(|text| text.clone().unwrap_or_default()));
    let text = texts.map(|texts| texts.join(" ").to_lowercase()).unwrap_or_default();
    let known = USERS.iter().find(|(word, _)| text.contains(word)).map(|(_, user)| *user);
    // Amazon's own names for its Linux are words, not one word.
    let amazon = || text.contains("amazon linux").then_some("ec2-user");
    match known.or_else(amazon) {
        Some(name) => User { name: Some(name.to_owned()), confidence: Confidence::Likely },
        None => User { name: None, confidence: Confidence::Unknown },
    }
}

/// Commands, and what they rest on.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Instruction {
    instance_id: String,
    state: String,
    /// Key pair that it was launched with.
    key_name: Option<String>,
    user_confidence: Confidence,
    commands: Vec<Command>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Command {
    via: Via,
    command: String,
    /// What has to be so for it to work.
    needs: &'static str,
}

/// The commands that may work on an instance as it is.
pub(super) fn instruction(
    instance: &Instance,
    region: &str,
    user: &User,
    key_path: Option<&str>,
    via: Option<Via>,
) -> Result<Instruction> {
    if instance.platform_details.as_deref().is_some_and(|platform| platform.starts_with("Windows")) {
        return Err(Error::unsupported("Windows instances have no SSH by themselves")
            .hint(format!("aws ssm start-session --target {} --region {region}", instance.instance_id)));
    }
    let id = &instance.instance_id;
    let name = user.name.as_deref().unwrap_or("USER");
    let ssh = |address: &String| {
        let key = key_path.map(|path| format!("-i {} ", quoted(path))).unwrap_or_default();
        format!("ssh {key}{}", quoted(&format!("{name}@{address}")))
    };
    let ways = [
        (
            Via::Ssm,
            Some(format!("aws ssm start-session --target {id} --region {region}")),
            "the SSM agent with an instance profile that allows it, and the Session Manager plugin here",
        ),
        (
            Via::InstanceConnect,
            Some(format!(
                "aws ec2-instance-connect ssh --instance-id {id} --os-user {} --region {region}",
                quoted(name)
            )),
            "EC2 Instance Connect on the image; without a public address an endpoint of it in the VPC",
        ),
        (
            Via::Public,
            instance.public_ip_address.as_ref().map(ssh),
            "port 22 open to this machine, and the private key of the pair",
        ),
        (
            Via::Private,
            instance.private_ip_address.as_ref().map(ssh),
            "a way into the VPC, and the private key of the pair",
        ),
    ];
    let wanted = |way: Via| via.is_none_or(|via| via == way);
    let commands: Vec<_> = ways
        .into_iter()
        .filter(|(way, ..)| wanted(*way))
        .filter_map(|(via, command, needs)| Some(Command { via, command: command?, needs }))
        .collect();
    if commands.is_empty() {
        return Err(Error::new(ErrorKind::Conflict, format!("{id} has no such address"))
            .hint("leave `via` out to see which ways there are"));
    }
    Ok(Instruction {
        instance_id: id.clone(),
        state: instance.state.name.clone(),
        key_name: instance.key_name.clone(),
        user_confidence: user.confidence,
        commands,
    })
}

/// As one word of a POSIX shell, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "@%+=:,./-_".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(name: &str) -> Image {
        serde_json::from_value(json!({"ImageId": "ami-0ubuntu", "Name": name})).unwrap()
    }

    #[test]
    fn the_user_comes_from_the_name_of_the_image_and_not_from_its_id() {
        let of = |name: &str| user(None, Some(&image(name))).name;
        assert_eq!(of("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64").as_deref(), Some("ubuntu"));
        assert_eq!(of("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04)").as_deref(), Some("ubuntu"));
        assert_eq!(of("Deep Learning AMI GPU PyTorch (Amazon Linux 2023)").as_deref(), Some("ec2-user"));
        assert_eq!(of("debian-12-amd64").as_deref(), Some("admin"));
        assert_eq!(of("my-golden-image"), None, "never guessed");
        assert_eq!(user(None, None), User { name: None, confidence: Confidence::Unknown });
        assert_eq!(user(Some("me".into()), Some(&image("ubuntu"))).confidence, Confidence::Given);
    }

    fn instance(public: Option<&str>) -> Instance {
        serde_json::from_value(json!({
            "InstanceId": "i-1", "InstanceType": "m5.large", "State": {"Name": "running"},
            "PrivateIpAddress": "10.0.0.1", "PublicIpAddress": public
        }))
        .unwrap()
    }

    #[test]
    fn an_instance_without_a_public_address_can_still_be_reached() {
        let user = User { name: Some("ubuntu".into()), confidence: Confidence::Likely };
        let ways = |instance: &Instance, via| instruction(instance, "r", &user, Some("/home/me/my key.pem"), via);
        let all = ways(&instance(None), None).unwrap();
        let shown: Vec<_> = all.commands.iter().map(|it| it.via).collect();
        assert_eq!(shown, [Via::Ssm, Via::InstanceConnect, Via::Private]);
        assert_eq!(all.commands[2].command, "ssh -i '/home/me/my key.pem' ubuntu@10.0.0.1");
        assert!(ways(&instance(None), Some(Via::Public)).is_err());
        assert_eq!(ways(&instance(Some("1.2.3.4")), Some(Via::Public)).unwrap().commands.len(), 1);
    }

    #[test]
    fn nothing_in_a_name_gets_out_of_its_quotes() {
        assert_eq!(quoted("a; rm -rf /"), "'a; rm -rf /'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
