//! Partitions: AWS's separate clouds, and the regions each has.

use super::partition_data::PARTITIONS;

/// One of AWS's separate clouds.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// Second field of its ARNs: `aws`, `aws-cn`.
    pub name: &'static str,
    /// Domain of its services.
    pub dns_suffix: &'static str,
    /// Domain of its services over IPv4 and IPv6.
    pub dual_stack_dns_suffix: &'static str,
    /// Region that signs for services without regions.
    pub implicit_global_region: &'static str,
    /// Has FIPS endpoints.
    pub supports_fips: bool,
    /// Has endpoints over IPv4 and IPv6.
    pub supports_dual_stack: bool,
    /// What a region of it starts with, before its direction and number.
    pub prefixes: &'static [&'static str],
    /// Regions known when the catalogue was made; newer ones are told by their prefix.
    pub regions: &'static [&'static str],
}

impl Partition {
    /// The regions that a call can go to: the pseudo regions of global services left out.
    pub fn real_regions(&self) -> impl Iterator<Item = &'static str> {
        self.regions.iter().copied().filter(|region| !region.ends_with("-global"))
    }

    fn claims(&self, region: &str) -> bool {
        let tail = |prefix: &&str| region.strip_prefix(*prefix).and_then(|rest| rest.strip_prefix('-'));
        self.prefixes.iter().filter_map(tail).any(is_direction_and_number)
    }
}

/// All of them; `aws` first.
pub fn partitions() -> &'static [Partition] {
    PARTITIONS
}

/// The partition that a region belongs to, if its name tells.
pub fn partition_of(region: &str) -> Option<&'static Partition> {
    let known = PARTITIONS.iter().find(|partition| partition.regions.contains(&region));
    known.or_else(|| PARTITIONS.iter().find(|partition| partition.claims(region)))
}

/// As [`partition_of`]; what no partition claims is taken to be in the first.
pub(super) fn partition_or_first(region: &str) -> &'static Partition {
    partition_of(region).unwrap_or(&PARTITIONS[0])
}

/// `west-2`
fn is_direction_and_number(tail: &str) -> bool {
    tail.split_once('-').is_some_and(|(direction, number)| {
        let word = |it: char| it.is_alphanumeric() || it == '_';
        let filled = !direction.is_empty() && !number.is_empty();
        filled && direction.chars().all(word) && number.bytes().all(|it| it.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_by_name_or_by_form() {
        let name = |region| partition_of(region).map(|partition| partition.name);
        assert_eq!(name("us-east-1"), Some("aws"));
        assert_eq!(name("eu-nowhere-17"), Some("aws"), "a region newer than the catalogue");
        assert_eq!(name("us-gov-west-1"), Some("aws-us-gov"));
        assert_eq!(name("us-iso-middle-9"), Some("aws-iso"));
        assert_eq!(name("cn-north-1"), Some("aws-cn"));
        assert_eq!(name("eusc-de-east-1"), Some("aws-eusc"));
        assert_eq!(name("mars-1"), None);
        assert_eq!(name("us-east-"), None);
    }

    #[test]
    fn pseudo_regions_are_not_offered() {
        let all: Vec<&str> = partitions().iter().flat_map(Partition::real_regions).collect();
        assert!(all.contains(&"us-west-2") && !all.contains(&"aws-global"));
    }
}
