//! Rules of security groups: as they are asked for, and as they read.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, Result, free_text};

use super::wire::{Pair, Permission, PrefixList, Range4, Range6, Rule};

/// An ingress rule as it is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ingress {
    #[schemars(extend("x-means" = {"-1": "all"}))]
    protocol: Protocol,
    /// First port of tcp or udp; type of icmp.
    #[schemars(range(min = -1, max = 65535))]
    from_port: Option<i32>,
    /// Last port, from_port when absent; code of icmp.
    #[schemars(range(min = -1, max = 65535))]
    to_port: Option<i32>,
    /// Source: this, such as 10.0.0.0/8, or one of the next three.
    #[schemars(extend("x-also" = ["cidr"]))]
    cidr_ipv4: Option<String>,
    /// Source, such as 2001:db8::/32.
    cidr_ipv6: Option<String>,
    /// Source: a managed prefix list.
    prefix_list_id: Option<String>,
    /// Source: members of this security group.
    source_group_id: Option<String>,
    /// What the rule is for.
    description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    All,
}

impl Protocol {
    const fn on_the_wire(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::All => "-1",
        }
    }
}

/// Ports by which machines, clusters and databases are taken over: SSH, Telnet, RPC, SMB, Docker, etcd, SQL Server,
/// NFS, MySQL, RDP, PostgreSQL, WinRM, Redis, Kubernetes, Ray, Jupyter, Elasticsearch, kubelet, MongoDB.
const ADMIN_PORTS: [i32; 24] = [
    22, 23, 111, 135, 139, 445, 1433, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5985, 5986, 6379, 6443, 8265,
    8888, 9200, 10250, 27017,
];

/// The rules as EC2 takes them. Refused where one opens ports of administrators to the world and nobody said so.
pub(super) fn permissions(rules: &[Ingress], open_to_world: bool) -> Result<Vec<Permission>> {
    rules
        .iter()
        .map(|rule| {
            let permission = rule.permission()?;
            match permission.dangerous() {
                Some(what) if !open_to_world => Err(Error::validation(format!("the rule opens {what} to the world"))
                    .hint("name a narrower source, or say open_to_world: true if that is what is wanted")),
                _ => Ok(permission),
            }
        })
        .collect()
}

impl Ingress {
    fn permission(&self) -> Result<Permission> {
        let (from_port, to_port) = self.ports()?;
        let text = || self.description.clone();
        let mut permission = Permission {
            ip_protocol: self.protocol.on_the_wire(),
            from_port,
            to_port,
            ip_ranges: Vec::new(),
            ipv6_ranges: Vec::new(),
            prefix_list_ids: Vec::new(),
            user_id_group_pairs: Vec::new(),
        };
        match (&self.cidr_ipv4, &self.cidr_ipv6, &self.prefix_list_id, &self.source_group_id) {
            (Some(cidr), None, None, None) if block(cidr).is_some_and(|(address, _)| address.is_ipv4()) => {
                permission.ip_ranges.push(Range4 { cidr_ip: cidr.clone(), description: text() });
            }
            (None, Some(cidr), None, None) if block(cidr).is_some_and(|(address, _)| address.is_ipv6()) => {
                permission.ipv6_ranges.push(Range6 { cidr_ipv6: cidr.clone(), description: text() });
            }
            (None, None, Some(list), None) => {
                permission.prefix_list_ids.push(PrefixList { prefix_list_id: list.clone(), description: text() });
            }
            (None, None, None, Some(group)) => {
                permission.user_id_group_pairs.push(Pair { group_id: group.clone(), description: text() });
            }
            (Some(cidr), None, None, None) => {
                return Err(Error::validation(format!("{cidr:?} is not an IPv4 block such as 10.0.0.0/8")));
            }
            (None, Some(cidr), None, None) => {
                return Err(Error::validation(format!("{cidr:?} is not an IPv6 block such as 2001:db8::/32")));
            }
            _ => {
                return Err(Error::validation(
                    "a rule needs exactly one of `cidr_ipv4`, `cidr_ipv6`, `prefix_list_id` and `source_group_id`",
                ));
            }
        }
        Ok(permission)
    }

    fn ports(&self) -> Result<(Option<i32>, Option<i32>)> {
        match (self.protocol, self.from_port, self.to_port) {
            (Protocol::All, None | Some(-1), None | Some(-1)) => Ok((None, None)),
            (Protocol::All, ..) => {
                Err(Error::validation("protocol all has no ports").hint("name tcp or udp to open certain ports"))
            }
            (Protocol::Icmp | Protocol::Icmpv6, kind, code) => Ok((Some(kind.unwrap_or(-1)), Some(code.unwrap_or(-1)))),
            (Protocol::Tcp | Protocol::Udp, None, _) => {
                Err(Error::validation("`from_port` is missing").hint("for every port: from_port 0, to_port 65535"))
            }
            (Protocol::Tcp | Protocol::Udp, Some(from), to) => {
                let to = to.unwrap_or(from);
                let range = 0..=65535;
                if from > to || !range.contains(&from) || !range.contains(&to) {
                    return Err(Error::validation(format!("{from} to {to} is not a range of ports")));
                }
                Ok((Some(from), Some(to)))
            }
        }
    }
}

impl Permission {
    /// What it opens to the world that should not be open to it.
    fn dangerous(&self) -> Option<String> {
        let mut blocks = self
            .ip_ranges
            .iter()
            .map(|range| &range.cidr_ip)
            .chain(self.ipv6_ranges.iter().map(|range| &range.cidr_ipv6));
        if !blocks.any(|cidr| is_world(cidr)) {
            return None;
        }
        for_administrators(self.ip_protocol, self.from_port, self.to_port)
    }
}

/// What of these ports is for administrators alone.
fn for_administrators(protocol: &str, from: Option<i32>, to: Option<i32>) -> Option<String> {
    match (protocol, from, to) {
        ("-1", ..) => Some("everything".to_owned()),
        ("tcp" | "udp", Some(from), Some(to)) => {
            let port = ADMIN_PORTS.into_iter().find(|port| (from..=to).contains(port))?;
            Some(format!("port {port}"))
        }
        _ => None,
    }
}

fn block(cidr: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = cidr.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.parse().ok().filter(|length| *length <= longest)?;
    Some((address, length))
}

/// Whether a block is so wide that it means everybody. Two halves of the world are still the world, and public IPv6
/// addresses are all in 2000::/3.
fn is_world(cidr: &str) -> bool {
    block(cidr).is_some_and(|(address, length)| length < if address.is_ipv4() { 8 } else { 16 })
}

impl Rule {
    /// Whether it lets everybody in.
    pub(super) fn is_open_to_world(&self) -> bool {
        !self.is_egress && [&self.cidr_ipv4, &self.cidr_ipv6].into_iter().flatten().any(|cidr| is_world(cidr))
    }

    /// What of administrators' ports it lets everybody in to.
    pub(super) fn opens_to_world(&self) -> Option<String> {
        if !self.is_open_to_world() {
            return None;
        }
        for_administrators(&self.ip_protocol, self.from_port, self.to_port)
    }

    /// `in tcp 22 from 10.0.0.0/8`.
    pub(super) fn words(&self) -> String {
        let (way, toward) = if self.is_egress { ("out", "to") } else { ("in", "from") };
        let protocol = if self.ip_protocol == "-1" { "all" } else { self.ip_protocol.as_str() };
        let group = self.referenced_group_info.as_ref().and_then(|group| group.group_id.as_ref());
        let other = [self.cidr_ipv4.as_ref(), self.cidr_ipv6.as_ref(), self.prefix_list_id.as_ref(), group];
        let other = other.into_iter().flatten().next().map_or("?", String::as_str);
        let ports = match (protocol, self.from_port, self.to_port) {
            ("all", ..) | (_, None | Some(-1), _) => String::new(),
            ("icmp" | "icmpv6", Some(kind), _) => format!(" type {kind}"),
            (_, Some(from), Some(to)) if from != to => format!(" {from}-{to}"),
            (_, Some(port), _) => format!(" {port}"),
        };
        format!("{way} {protocol}{ports} {toward} {other}")
    }
}

/// One rule.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RuleRow {
    rule_id: String,
    group_id: String,
    /// Such as in tcp 22 from 10.0.0.0/8.
    rule: String,
    #[serde(serialize_with = "free_text")]
    description: Option<String>,
}

impl From<Rule> for RuleRow {
    fn from(rule: Rule) -> Self {
        let words = rule.words();
        Self {
            rule_id: rule.security_group_rule_id,
            group_id: rule.group_id,
            rule: words,
            description: rule.description.filter(|text| !text.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(rule: Value, open_to_world: bool) -> Result<Vec<Permission>> {
        permissions(&[serde_json::from_value(rule).unwrap()], open_to_world)
    }

    #[test]
    fn only_what_a_rule_says_is_sent() {
        let sent = asked(json!({"protocol": "tcp", "from_port": 443, "cidr_ipv4": "10.0.0.0/8"}), false).unwrap();
        assert_eq!(
            serde_json::to_value(&sent[0]).unwrap(),
            json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]})
        );
        let sent = asked(json!({"protocol": "all", "source_group_id": "sg-1", "description": "efa"}), false).unwrap();
        assert_eq!(
            serde_json::to_value(&sent[0]).unwrap(),
            json!({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1", "Description": "efa"}]})
        );
    }

    #[test]
    fn a_rule_has_one_source_and_ports_that_fit() {
        for bad in [
            json!({"protocol": "tcp", "from_port": 443}),
            json!({"protocol": "tcp", "from_port": 443, "cidr_ipv4": "10.0.0.0/8", "source_group_id": "sg-1"}),
            json!({"protocol": "tcp", "cidr_ipv4": "10.0.0.0/8"}),
            json!({"protocol": "tcp", "from_port": 9, "to_port": 8, "cidr_ipv4": "10.0.0.0/8"}),
            json!({"protocol": "tcp", "from_port": -1, "cidr_ipv4": "10.0.0.0/8"}),
            json!({"protocol": "all", "from_port": 443, "cidr_ipv4": "10.0.0.0/8"}),
            json!({"protocol": "tcp", "from_port": 443, "cidr_ipv4": "::/0"}),
            json!({"protocol": "tcp", "from_port": 443, "cidr_ipv6": "10.0.0.0/8"}),
            json!({"protocol": "tcp", "from_port": 443, "cidr_ipv4": "10.0.0.1"}),
            json!({"protocol": "tcp", "from_port": 443, "cidr_ipv4": "10.0.0.0/33"}),
        ] {
            assert!(asked(bad.clone(), true).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_of_administrators_are_opened_to_the_world_only_when_that_is_said() {
        for rule in [
            json!({"protocol": "tcp", "from_port": 22, "cidr_ipv4": "0.0.0.0/0"}),
            json!({"protocol": "tcp", "from_port": 3000, "to_port": 4000, "cidr_ipv6": "::/0"}),
            json!({"protocol": "tcp", "from_port": 22, "cidr_ipv4": "128.0.0.0/1"}),
            json!({"protocol": "tcp", "from_port": 22, "cidr_ipv6": "2000::/3"}),
            json!({"protocol": "all", "cidr_ipv4": "0.0.0.0/0"}),
        ] {
            assert!(asked(rule.clone(), false).is_err(), "{rule}");
            assert!(asked(rule.clone(), true).is_ok(), "{rule}");
        }
        for rule in [
            json!({"protocol": "tcp", "from_port": 443, "cidr_ipv4": "0.0.0.0/0"}),
            json!({"protocol": "tcp", "from_port": 22, "cidr_ipv4": "10.0.0.0/8"}),
            json!({"protocol": "icmp", "cidr_ipv4": "0.0.0.0/0"}),
        ] {
            assert!(asked(rule.clone(), false).is_ok(), "{rule}");
        }
    }

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let read = |rule: Value| serde_json::from_value::<Rule>(rule).unwrap();
        let ssh = read(json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "10.0.0.0/8"}));
        assert_eq!(ssh.words(), "in tcp 22 from 10.0.0.0/8");
        assert!(!ssh.is_open_to_world());
        let out =
            read(json!({"IsEgress": true, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "CidrIpv4": "0.0.0.0/0"}));
        assert_eq!(out.words(), "out all to 0.0.0.0/0");
        assert!(!out.is_open_to_world());
        let web = read(json!({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "CidrIpv6": "::/0"}));
        assert_eq!(web.words(), "in tcp 80-90 from ::/0");
        assert!(web.is_open_to_world());
        let peers = read(json!({"IpProtocol": "-1", "ReferencedGroupInfo": {"GroupId": "sg-2"}}));
        assert_eq!(peers.words(), "in all from sg-2");
        let ping = read(json!({"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "PrefixListId": "pl-1"}));
        assert_eq!(ping.words(), "in icmp type 8 from pl-1");
    }
}
