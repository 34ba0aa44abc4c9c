//! The table of partitions, as Rust source.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Result;
use trainyard_aws::catalogue::botocore::field::{flag, items, members, text};

/// Every region pattern of AWS's ends so: a direction and a number.
const TAIL: &str = r"\-\w+\-\d+$";

/// Generates the module that holds botocore's `partitions.json`.
pub(crate) fn generate(source: &Value) -> Result<String> {
    let mut rows = String::new();
    for partition in items(source, "partitions") {
        let outputs = &partition["outputs"];
        let need = |key: &str| text(outputs, key).ok_or_else(|| format!("a partition lacks {key}"));
        let regions: Vec<&String> = members(partition, "regions").map(|(name, _)| name).collect();
        if members(partition, "regions").any(|(_, region)| region.as_object().is_none_or(|it| it.len() > 1)) {
            return Err("a region overrides its partition, which the table cannot say yet".into());
        }
        let pattern = text(partition, "regionRegex").ok_or("a partition lacks regionRegex")?;
        write!(
            rows,
            "    Partition {{\n        name: {:?},\n        dns_suffix: {:?},\n        dual_stack_dns_suffix: {:?},\n        \
             implicit_global_region: {:?},\n        supports_fips: {},\n        supports_dual_stack: {},\n        \
             prefixes: &{:?},\n        regions: &{regions:?},\n    }},\n",
            need("name")?,
            need("dnsSuffix")?,
            need("dualStackDnsSuffix")?,
            need("implicitGlobalRegion")?,
            flag(outputs, "supportsFIPS"),
            flag(outputs, "supportsDualStack"),
            prefixes(pattern)?,
        )?;
    }
    Ok(format!(
        "//! Every partition. Made by `cargo xtask catalogue`.\n\nuse super::partitions::Partition;\n\n\
         /// The first is the one that regions unknown to us are taken to be in.\n#[rustfmt::skip]\n\
         pub(super) static PARTITIONS: &[Partition] = &[\n{rows}];\n"
    ))
}

/// `^(us|eu)\-\w+\-\d+$` allows the prefixes `us` and `eu`.
fn prefixes(pattern: &str) -> Result<Vec<String>> {
    let strange = || format!("the region pattern {pattern} is of a new form");
    let head = pattern.strip_prefix('^').and_then(|it| it.strip_suffix(TAIL)).ok_or_else(strange)?;
    let head = head.replace(r"\-", "-");
    let prefixes = match head.split_once('(') {
        None => vec![head],
        Some((before, after)) => {
            let (choices, rest) = after.split_once(')').ok_or_else(strange)?;
            choices.split('|').map(|choice| format!("{before}{choice}{rest}")).collect()
        }
    };
    let plain = |prefix: &String| prefix.chars().all(|it| it.is_ascii_lowercase() || it == '-');
    if prefixes.iter().all(plain) { Ok(prefixes) } else { Err(strange().into()) }
}
