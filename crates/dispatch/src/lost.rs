//! What this process has destroyed. A backup of it may go by another process only: whoever destroys a volume in error, or
//! because a text said so, does not get at its snapshots by the same way.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use trainyard_contract::{Error, Loss, Result, Target, Things};

/// Ids that are remembered; beyond them nothing is known any more, and counts as the worst.
const MOST: usize = 100_000;

/// Everything that calls of this process have destroyed, or were about to.
#[derive(Default)]
pub(crate) struct Lost(Mutex<Known>);

#[derive(Default)]
struct Known {
    ids: HashSet<String>,
    /// Something went of which nobody knows what it was.
    more: bool,
}

impl Lost {
    /// Remembers what is about to be destroyed: afterwards nobody may be there to say whether it was.
    pub(crate) fn remember(&self, target: Option<&Target>, loss: &Loss) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let along: &[String] = match &loss.along {
            Things::Of(ids) => ids,
            Things::Unknown => {
                known.more = true;
                &[]
            }
        };
        for id in target.iter().flat_map(|target| &target.ids).chain(along) {
            if known.ids.len() >= MOST {
                known.more = true;
                return;
            }
            known.ids.insert(id.clone());
        }
    }

    /// Refuses to destroy a backup of what this process destroyed, or may have.
    pub(crate) fn check(&self, loss: &Loss) -> Result<()> {
        if loss.backs_up.none() {
            return Ok(());
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &loss.backs_up {
            Things::Of(ids) => {
                if let Some(id) = ids.iter().find(|id| known.ids.contains(*id)) {
                    return Err(kept(&format!(
                        "this is a backup of {id}, which this process has destroyed, or tried to"
                    )));
                }
                if known.more {
                    return Err(kept(&format!(
                        "this is a backup of {}, and not all that this process has destroyed is known",
                        ids.join(", ")
                    )));
                }
            }
            Things::Unknown if known.more || !known.ids.is_empty() => {
                return Err(kept("this is a backup, nobody knows of what, and this process has destroyed something"));
            }
            Things::Unknown => {}
        }
        Ok(())
    }
}

fn kept(why: &str) -> Error {
    Error::policy_denied(format!("{why}; nothing was changed")).code("BackupKept").hint(
        "no process deletes something and its backups; once it is sure that nobody misses it, the operator can delete the \
         backup at a shell (`trainyard call`), or with a server that was started anew",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(ids: &[&str]) -> Target {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        Target { system: "aws", kind: "ebs volume".into(), ids, region: None, profile: None }
    }

    fn of(ids: &[&str]) -> Things {
        ids.iter().map(|&id| id.to_owned()).collect()
    }

    #[test]
    fn a_backup_stays_once_its_source_has_gone_and_others_go() {
        let lost = Lost::default();
        let backup = |ids| lost.check(&Loss::of_backup(of(ids)));
        assert!(backup(&["vol-1"]).is_ok() && lost.check(&Loss::of_backup(Things::Unknown)).is_ok());
        lost.remember(Some(&target(&["vol-1"])), &Loss::NONE);
        lost.remember(Some(&target(&["i-1"])), &Loss::along(of(&["vol-2"])));
        for ids in [&["vol-1"][..], &["vol-2"], &["vol-9", "vol-2"]] {
            let error = backup(ids).unwrap_err();
            assert_eq!(error.code_str(), "BackupKept");
            assert!(error.message().contains("nothing was changed"), "{error}");
        }
        assert!(backup(&["vol-9"]).is_ok() && lost.check(&Loss::NONE).is_ok());
        assert!(lost.check(&Loss::of_backup(Things::Unknown)).is_err());
    }

    #[test]
    fn what_is_not_known_counts_as_the_worst() {
        let lost = Lost::default();
        lost.remember(None, &Loss::along(Things::Unknown));
        assert!(lost.check(&Loss::of_backup(of(&["vol-9"]))).is_err());
        let full = Lost::default();
        let many: Vec<_> = (0..=MOST).map(|at| format!("vol-{at}")).collect();
        full.remember(Some(&target(&many.iter().map(String::as_str).collect::<Vec<_>>())), &Loss::NONE);
        assert!(full.check(&Loss::of_backup(of(&["vol-other"]))).is_err());
        assert!(full.check(&Loss::NONE).is_ok(), "what is no backup may go");
    }
}
