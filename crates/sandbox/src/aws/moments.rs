//! Moments in settings: a text `<41 days ago>` means the moment that was so long before the setting is applied.

use serde_json::Value;

use super::{account::Account, setting::Setting};

/// Units, with their seconds.
const UNITS: &[(&str, u64)] = &[("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400)];

/// A setting with the moments that it means. The error names a text that begins like one and is none.
pub(super) fn resolved(account: &Account, setting: &Setting) -> Result<Setting, String> {
    let mut setting = setting.clone();
    let rows = setting.rows.values_mut().flatten();
    let members = setting.changes.iter_mut().flat_map(|change| change.members.values_mut());
    let inputs = setting.calls.iter_mut().map(|made| &mut made.input);
    rows.chain(members).chain(inputs).try_for_each(|value| resolve(account, value))?;
    Ok(setting)
}

fn resolve(account: &Account, value: &mut Value) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if let Some(seconds) = seconds_ago(text)? {
                *value = account.ago(seconds);
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(account, item)),
        Value::Object(members) => members.values_mut().try_for_each(|member| resolve(account, member)),
        _ => Ok(()),
    }
}

/// `<2 hours ago>` in seconds; nothing for a text that is no moment.
fn seconds_ago(text: &str) -> Result<Option<u64>, String> {
    let Some(said) = text.strip_prefix('<').and_then(|text| text.strip_suffix(" ago>")) else { return Ok(None) };
    let parsed = said.split_once(' ').and_then(|(count, unit)| {
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
        count.parse::<u64>().ok()?.checked_mul(*seconds)
    });
    parsed.map(Some).ok_or_else(|| format!("{text:?} is no moment such as <90 seconds ago> or <41 days ago>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted_from_now_and_other_texts_are_left_alone() {
        assert_eq!(seconds_ago("<41 days ago>"), Ok(Some(41 * 86_400)));
        assert_eq!(seconds_ago("<1 minute ago>"), Ok(Some(60)));
        assert_eq!(seconds_ago("long ago"), Ok(None));
        assert_eq!(seconds_ago("<b>bold</b>"), Ok(None));
        for wrong in ["<some days ago>", "<3 fortnights ago>", "<-1 days ago>", "<99999999999999999999 days ago>"] {
            assert!(seconds_ago(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
