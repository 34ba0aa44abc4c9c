//! Workers of this machine: starts them, notices when they are gone, and ends those that do not end by themselves.
//!
//! Any number of processes may do this for one database at once. What they agree on stands there; each only acts on what
//! it has just read under the lock.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rusqlite::Transaction;
use trainyard_contract::Result;

use super::{
    Failed, GRACE, Job, STALL, State,
    process::{Life, Process},
    queue,
};
use crate::{
    model, moment,
    store::{self, Database, Failure},
};

/// Pause between two looks at the jobs.
const PAUSE: Duration = Duration::from_millis(500);

/// How a worker ended that said nothing itself.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Somebody saw that it is gone.
    pub seen: bool,
    /// Another one may fare better.
    pub again: bool,
    /// What is known.
    pub error: Failed,
}

/// The workers of this machine.
#[derive(Debug, Clone)]
pub struct Local(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    state: PathBuf,
    /// This program, which is a worker as well.
    program: PathBuf,
    /// Most workers at once, of all processes together.
    most: u32,
    /// Whether this process starts workers. One that may change nothing only takes note of what has ended.
    launches: bool,
    looking: AtomicBool,
}

impl Local {
    /// Workers of this program on this state folder.
    pub fn new(state: &Path, program: PathBuf, most: u32, launches: bool) -> Self {
        let database = Database::of(state);
        let (state, looking) = (state.to_owned(), AtomicBool::new(false));
        Self(Arc::new(Inner { database, state, program, most: most.max(1), launches, looking }))
    }

    /// Where jobs and models stand.
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.0.state
    }

    /// Whether this process starts workers.
    pub fn launches(&self) -> bool {
        self.0.launches
    }

    /// Most workers at once.
    pub fn most(&self) -> u32 {
        self.0.most
    }

    /// What a worker of this attempt wrote.
    pub fn log_path(&self, id: &str, attempt: u32) -> PathBuf {
        self.job_folder(id).join(format!("attempt-{attempt}.log"))
    }

    pub(super) fn staging(&self, id: &str, attempt: u32) -> PathBuf {
        self.job_folder(id).join(format!("attempt-{attempt}"))
    }

    fn job_folder(&self, id: &str) -> PathBuf {
        store::folder(&self.0.state).join("jobs").join(id)
    }

    /// Looks once: takes note of workers that are gone, ends those that are overdue, starts those that may begin. Gives the
    /// number of jobs that have not ended.
    pub fn look(&self) -> Result<usize> {
        // Asked without the write lock first: mostly there is nothing to do.
        let open = self.0.database.read_here(queue::open)?;
        let now = moment::now();
        if open.iter().any(|job| overdue(job, now).is_some()) {
            for job in open.iter().filter(|job| overdue(job, now) == Some(Due::Gone { seen: true })) {
                self.clear_gone(&job.id, job.attempt)?;
            }
            let left = self.0.database.write_here(take_note)?;
            for (job, attempt) in &left {
                self.clear(job, *attempt);
            }
        }
        if self.0.launches {
            let working = open.iter().filter(|job| job.state.has_worker()).count();
            if working < self.0.most as usize && open.iter().any(|job| job.state.waits()) {
                self.launch_all()?;
            }
        }
        self.0.database.read_here(|transaction| Ok(queue::open(transaction)?.len()))
    }

    /// Ends all workers at once and without a record: for whoever is about to take the state folder away.
    pub fn kill_all(&self) {
        // A database that cannot be read has no workers, either.
        let open = self.0.database.read_here(queue::open).unwrap_or_default();
        for worker in open.iter().filter_map(|job| job.worker.as_ref()) {
            worker.kill();
        }
    }

    /// Goes on looking in the background while there are jobs that have not ended.
    pub fn keep_looking(&self) {
        if self.0.looking.swap(true, Ordering::SeqCst) {
            return;
        }
        let this = self.clone();
        // Without a thread, the next call looks.
        let started = thread::Builder::new().name("jobs".to_owned()).spawn(move || {
            loop {
                // A failure may pass: a disk that is full, a database that is busy.
                let open = this.look().unwrap_or(1);
                if open == 0 {
                    break;
                }
                thread::sleep(PAUSE);
            }
            this.0.looking.store(false, Ordering::SeqCst);
        });
        if started.is_err() {
            self.0.looking.store(false, Ordering::SeqCst);
        }
    }

    fn launch_all(&self) -> Result<()> {
        let most = self.0.most;
        while let Some(job) = self.0.database.write_here(|transaction| queue::launch(transaction, most))? {
            if let Err(error) = self.launch(&job) {
                let ending = Ending { seen: true, again: false, error: Failed::from(&error) };
                self.note_ending(&job.id, job.attempt, &ending)?;
            }
        }
        Ok(())
    }

    fn launch(&self, job: &Job) -> Result<()> {
        let log = self.log_path(&job.id, job.attempt);
        store::make_folder(&self.job_folder(&job.id))?;
        let failed = |error: &std::io::Error| store::file_error(error, &log);
        let output = OpenOptions::new().create(true).append(true).open(&log).map_err(|error| failed(&error))?;
        let errors = output.try_clone().map_err(|error| failed(&error))?;
        let child = Command::new(&self.0.program)
            .arg("worker")
            .args(["--job", &job.id, "--attempt", &job.attempt.to_string()])
            .arg("--state-dir")
            .arg(&self.0.state)
            // It needs nothing of ours, least of all credentials.
            .env_clear()
            .env("RAYON_NUM_THREADS", job.limits.threads.to_string())
            .current_dir(self.job_folder(&job.id))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // What ends this process, such as Ctrl-C at the shell, does not end the worker.
            .process_group(0)
            .spawn()
            .map_err(|error| store::file_error(&error, &self.0.program))?;
        let worker = Process::of(child.id());
        let (id, attempt) = (job.id.clone(), job.attempt);
        // The worker says so as well when it begins. It may have ended already.
        drop(self.0.database.write_here(|transaction| queue::launched(transaction, &id, attempt, &worker)));
        self.wait_for(child, &id, attempt);
        Ok(())
    }

    /// Waits for a child of ours in the background, and takes note of how it ended.
    fn wait_for(&self, mut child: Child, id: &str, attempt: u32) {
        let (this, id) = (self.clone(), id.to_owned());
        let waits = thread::Builder::new().name("worker".to_owned()).spawn(move || {
            let Ok(status) = child.wait() else { return };
            let ending = ending(status, &this.log_path(&id, attempt));
            // Where the database does not take it, whoever looks next finds the same.
            drop(this.note_ending(&id, attempt, &ending));
            drop(this.look());
        });
        // Without a thread, whoever looks next finds the worker gone.
        drop(waits);
    }

    fn note_ending(&self, id: &str, attempt: u32, ending: &Ending) -> Result<()> {
        self.clear_gone(id, attempt)?;
        self.0.database.write_here(|transaction| queue::gone(transaction, id, attempt, ending)).map(drop)
    }

    /// Takes away what a worker that is no more had half made, unless it came to its end. Before that is put on record:
    /// whoever is killed in between leaves the job to the next one who looks, and no files that nobody looks for.
    fn clear_gone(&self, id: &str, attempt: u32) -> Result<()> {
        let job = self.0.database.read_here(|transaction| queue::get(transaction, id))?;
        if job.attempt == attempt && job.state.has_worker() {
            self.clear(&job, attempt);
        }
        Ok(())
    }

    /// Takes away what a worker had half made.
    pub(super) fn clear(&self, job: &Job, attempt: u32) {
        // Best effort: what remains is in nobody's way, since no record names it.
        drop(fs::remove_dir_all(self.staging(&job.id, attempt)));
        drop(fs::remove_dir_all(model::files::folder(&self.0.state, &job.model, &job.id, attempt)));
    }
}

/// Something that has to be done about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Its worker is gone.
    Gone { seen: bool },
    /// Its worker has been silent.
    Silent,
    /// Its worker does not end by itself.
    Kill,
    /// It waits and its time is over.
    OutOfTime,
}

fn overdue(job: &Job, now: i64) -> Option<Due> {
    if job.state.waits() {
        return job.deadline_at.is_some_and(|deadline| deadline < now).then_some(Due::OutOfTime);
    }
    let lease = job.lease_until.unwrap_or(now);
    match job.worker.as_ref().map(Process::life) {
        Some(Life::Gone) => Some(Due::Gone { seen: true }),
        Some(Life::Alive) => {
            let late = |since: Option<i64>| since.is_some_and(|since| since + 2 * GRACE < now);
            if lease + STALL < now || late(job.cancel_wanted_at) || late(job.deadline_at) {
                return Some(Due::Kill);
            }
            let quiet = lease < now && !matches!(job.state, State::Stalled | State::Cancelling);
            quiet.then_some(Due::Silent)
        }
        Some(Life::Elsewhere) | None => (lease < now).then_some(Due::Gone { seen: false }),
    }
}

/// Does what has to be done, and gives the jobs whose worker left something half made.
fn take_note(transaction: &Transaction<'_>) -> Result<Vec<(Job, u32)>, Failure> {
    let now = moment::now();
    let mut left = Vec::new();
    for job in queue::open(transaction)? {
        match overdue(&job, now) {
            None => {}
            Some(Due::OutOfTime) => queue::out_of_time(transaction, &job)?,
            Some(Due::Silent) => queue::silent(transaction, &job)?,
            // The next look finds it gone.
            Some(Due::Kill) => job.worker.iter().for_each(Process::kill),
            Some(Due::Gone { seen }) => {
                let message =
                    if seen { "its worker was ended from outside" } else { "nobody knows how its worker ended" };
                let error = Failed {
                    code: "WorkerGone".to_owned(),
                    message: message.to_owned(),
                    hint: Some(
                        "training_resume starts it again; training_get_logs shows what its worker said last".to_owned(),
                    ),
                };
                queue::gone(transaction, &job.id, job.attempt, &Ending { seen, again: true, error })?;
                let attempt = job.attempt;
                left.push((job, attempt));
            }
        }
    }
    Ok(left)
}

/// What the end of a process says.
fn ending(status: ExitStatus, log: &Path) -> Ending {
    let (again, code, message) = match (status.code(), status.signal()) {
        (Some(101), _) => (false, "WorkerPanicked", "its worker stopped on an error of this program".to_owned()),
        (_, Some(6)) if tail(log, 4096).contains("memory allocation of") => {
            (false, "MemoryLimit", "its worker asked for more memory than it may have".to_owned())
        }
        (_, Some(6)) => (false, "WorkerPanicked", "its worker gave up".to_owned()),
        (_, Some(9)) => {
            (true, "WorkerKilled", "its worker was killed; a system that is short of memory does that".to_owned())
        }
        (_, Some(signal)) => (true, "WorkerKilled", format!("its worker was ended by signal {signal}")),
        (code, None) => (true, "WorkerGone", format!("its worker ended with code {}", code.unwrap_or_default())),
    };
    let hint = Some("training_get_logs shows what its worker said last".to_owned());
    Ending { seen: true, again, error: Failed { code: code.to_owned(), message, hint } }
}

/// The last bytes of a text file, from the beginning of a line; nothing where it cannot be read.
pub fn tail(path: &Path, bytes: u64) -> String {
    let read = || -> std::io::Result<(Vec<u8>, bool)> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(bytes);
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        Ok((text, from > 0))
    };
    let Ok((text, cut)) = read() else { return String::new() };
    let text = String::from_utf8_lossy(&text).into_owned();
    match text.split_once('\n') {
        Some((_, whole)) if cut => whole.to_owned(),
        _ => text,
    }
}
