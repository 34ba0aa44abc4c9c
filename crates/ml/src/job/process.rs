//! Processes of this machine: which one is meant, whether it still lives, how much memory it uses, and its end.

use rustix::process::{Pid, Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};

/// One process among all that ever were: a number alone is given again once its process is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number, which is that of its group as well.
    pub pid: i32,
    /// When it began, in ticks since the machine started; `None` where the system does not say.
    pub began: Option<u64>,
    /// Which start of which machine.
    pub boot: Option<String>,
}

/// Whether a process lives, as far as can be seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It does.
    Alive,
    /// It does not.
    Gone,
    /// It ran before this machine was started, or on another one.
    Elsewhere,
}

impl Process {
    /// This one.
    pub fn own() -> Self {
        Self::of(std::process::id())
    }

    /// The one that has this number now.
    pub fn of(pid: u32) -> Self {
        let pid = i32::try_from(pid).unwrap_or(i32::MAX);
        Self { pid, began: began(pid), boot: boot() }
    }

    /// Whether it lives.
    pub fn life(&self) -> Life {
        if self.boot != boot() {
            return Life::Elsewhere;
        }
        let alive = match self.began {
            Some(began_then) => began(self.pid) == Some(began_then),
            None => Pid::from_raw(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
        };
        if alive { Life::Alive } else { Life::Gone }
    }

    /// Ends it and all of its group at once, if it lives. It cannot notice.
    pub fn kill(&self) {
        if self.life() == Life::Alive
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // It may have ended in between, which is what is wanted.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

/// When a process began; `None` if there is none, or only what its parent has not yet taken note of.
fn began(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// Bytes of memory that this process has in use; `None` where the system does not say.
pub fn memory_in_use() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

/// Bytes of memory that this machine could still give; `None` where the system does not say.
pub fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Lets this process have no more addresses than that. A bound for the worst: what it really uses is watched.
pub fn bound_addresses(bytes: u64) {
    let limit = rustix::process::getrlimit(Resource::As);
    let bytes = limit.maximum.map_or(bytes, |maximum| bytes.min(maximum));
    // Where it is refused the watch on what is used remains.
    let _ = rustix::process::setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: limit.maximum });
}

/// Whether a folder lies on a disk of another machine, as far as that can be seen.
pub fn is_network_disk(folder: &std::path::Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // NFS (which EFS is), SMB in its two forms, Ceph, FUSE.
        const KINDS: [u64; 5] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x00c3_6400, 0x6573_5546];
        rustix::fs::statfs(folder)
            .is_ok_and(|about| u64::try_from(about.f_type).is_ok_and(|kind| KINDS.contains(&kind)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

/// Bytes free for us on the disk of a folder; `None` where the system does not say.
pub fn disk_free(folder: &std::path::Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn a_process_is_told_from_its_successor() {
        let own = Process::own();
        assert_eq!(own.life(), Life::Alive);
        if own.began.is_some() {
            assert_eq!(Process { began: Some(1), ..own.clone() }.life(), Life::Gone);
            assert_eq!(Process { boot: Some("another".into()), ..own }.life(), Life::Elsewhere);
            assert!(memory_in_use().unwrap() > 100_000);
            assert!(memory_available().unwrap() > 1_000_000);
        }
        assert!(disk_free(&std::env::temp_dir()).is_some());
    }

    #[test]
    fn a_group_is_ended_and_nobody_else() {
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let process = Process::of(child.id());
        assert_eq!(process.life(), Life::Alive);
        // One that began at another time is not touched.
        Process { began: Some(1), ..process.clone() }.kill();
        assert_eq!(process.life(), Life::Alive);
        process.kill();
        assert!(!child.wait().unwrap().success());
        assert_eq!(process.life(), Life::Gone);
    }
}
