//! The worker: a process that does one job, says how far it is, and notices when the job is no longer its own.
//!
//! A second thread beats while the first one works. It ends the process when the time or the memory is used up, when
//! somebody wants the job to end and the work does not react, and when the lease is lost.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use trainyard_contract::{Error, ErrorKind, Result};

use super::{
    BEAT, Event, Failed, GRACE, Job, LEASE, Made, Measured, Progress, State,
    local::Local,
    process::{self, Process},
    queue,
    remaining::Pace,
};
use crate::{
    model::{self, NewVersion},
    moment,
    store::Database,
};

/// Pause between two looks at memory and clock.
const PAUSE: Duration = Duration::from_millis(100);
/// What a worker ends with that has lost its job.
const LOST: i32 = 3;
/// Most points of learning curves that are kept between two beats; more of them are thinned out.
const MOST_POINTS: usize = 2_000;
/// Addresses that a process needs beside the memory it uses.
const ADDRESSES: u64 = 2 << 30;

/// What a worker can do.
pub trait Work {
    /// Does a job: leaves the files of the model in `desk.folder()`, and says what it is.
    fn run(&self, job: &Job, desk: &Desk) -> Result<NewVersion>;
}

/// Why a worker is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cancelled,
    OutOfTime,
    OutOfMemory,
}

#[derive(Debug, Default)]
struct Shared {
    progress: Progress,
    measured: Vec<Measured>,
    pace: Pace,
    stop: Option<(Stop, Instant)>,
}

/// Where the work says how far it is, and learns that it is to stop.
#[derive(Debug)]
pub struct Desk {
    shared: Arc<Mutex<Shared>>,
    began: Instant,
    folder: PathBuf,
}

impl Desk {
    /// An empty folder for the files of the model.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes note of how far the work is: `done` from 0 to 1. `Break` where it is to stop.
    pub fn report(
        &self,
        phase: &str,
        done: f64,
        round: Option<(u64, u64)>,
        metrics: &[(&'static str, f64)],
    ) -> ControlFlow<()> {
        let mut shared = lock(&self.shared);
        let seconds = self.began.elapsed().as_secs_f64();
        let done = done.clamp(0.0, 1.0);
        shared.pace.note(seconds, done);
        let progress = &mut shared.progress;
        if progress.phase.as_deref() != Some(phase) {
            progress.phase = Some(phase.to_owned());
        }
        progress.done = done;
        (progress.step, progress.steps) = (round.map(|(step, _)| step), round.map(|(_, steps)| steps));
        for (name, value) in metrics {
            progress.metrics.insert((*name).to_owned(), *value);
        }
        if let Some((step, _)) = round
            && shared.measured.len() < MOST_POINTS
        {
            let points =
                metrics.iter().map(|(name, value)| Measured { name: format!("{phase}.{name}"), step, value: *value });
            shared.measured.extend(points);
        }
        if shared.stop.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Nothing that could panic leaves it half changed.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does one attempt of a job, from taking it to its end. Ends the process where it cannot go on.
pub fn run(local: &Local, id: &str, attempt: u32, work: &dyn Work) -> Result<()> {
    let done = attempt_once(local, id, attempt, work);
    // Those that wait go on without a server.
    drop(local.look());
    match done {
        // Another worker has it: that one ends it.
        Err(error) if error.code_str() == "LeaseLost" => Ok(()),
        other => other,
    }
}

fn attempt_once(local: &Local, id: &str, attempt: u32, work: &dyn Work) -> Result<()> {
    let database = local.database();
    let own = Process::own();
    let Some(job) = database.write_here(|transaction| queue::claim(transaction, id, attempt, &own))? else {
        return Ok(());
    };
    process::bound_addresses(job.limits.memory.saturating_mul(2).saturating_add(ADDRESSES));
    let folder = local.staging(id, attempt);
    crate::store::make_folder(&folder)?;
    let desk = Desk { shared: Arc::default(), began: Instant::now(), folder };
    let watch = Watch::start(database.clone(), job.clone(), Arc::clone(&desk.shared));
    let trained = work.run(&job, &desk).and_then(|version| Ok((version, settle(local, &job, &desk)?)));
    // Before the last transaction: after it the job is nobody's, which the beat would take for a lost lease.
    watch.end();
    let stored = trained.and_then(|(version, files)| {
        database.write_here(|transaction| {
            let model = job.model.clone();
            let version = model::registry::add(transaction, &model, &version, &files)?;
            queue::complete(transaction, id, attempt, &Made { model, version })
        })
    });
    let Err(error) = stored else {
        drop(std::fs::remove_dir_all(&desk.folder));
        return Ok(());
    };
    eprintln!("{error}");
    let stop = lock(&desk.shared).stop.map(|(stop, _)| stop);
    let (event, why) = failed(&job, stop, &error);
    local.clear(&job, attempt);
    database.write_here(|transaction| queue::give_up(transaction, id, attempt, event, &why))
}

/// Moves the files to their place. They come before the record, so that no record names what is not there.
fn settle(local: &Local, job: &Job, desk: &Desk) -> Result<model::files::Settled> {
    local.database().write_here(|transaction| queue::stores(transaction, &job.id, job.attempt))?;
    let place = model::files::folder(local.state(), &job.model, &job.id, job.attempt);
    model::files::settle(&desk.folder, &place)
}

fn failed(job: &Job, stop: Option<Stop>, error: &Error) -> (Event, Failed) {
    match stop {
        Some(Stop::Cancelled) => (Event::Stopped, Failed::from(&Error::new(ErrorKind::Cancelled, "cancelled"))),
        Some(Stop::OutOfTime) => (Event::OutOfTime, queue::time_limit(job)),
        Some(Stop::OutOfMemory) => (Event::Failed, memory_limit(job)),
        None => (Event::Failed, Failed::from(error)),
    }
}

fn memory_limit(job: &Job) -> Failed {
    Failed {
        code: "MemoryLimit".to_owned(),
        message: format!("it used more than its {} MiB of memory", job.limits.memory >> 20),
        hint: Some("allow more memory, or train on fewer columns or rows".to_owned()),
    }
}

/// The thread that beats.
struct Watch {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(database: Database, job: Job, shared: Arc<Mutex<Shared>>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let beats = move || {
            let mut beating = Beating { database, job, shared, heard: Instant::now(), next: Instant::now() };
            while !seen.load(Ordering::SeqCst) {
                beating.look();
                thread::sleep(PAUSE);
            }
            // With what was measured since the last one: of a short training that is all.
            beating.beat();
        };
        let thread = thread::Builder::new().name("beat".to_owned()).spawn(beats);
        if thread.is_err() {
            // Without it nobody would notice anything. Another worker may fare better.
            std::process::exit(LOST);
        }
        Self { ended, thread: thread.ok() }
    }

    fn end(mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // It holds nothing that anybody waits for.
            drop(thread.join());
        }
    }
}

struct Beating {
    database: Database,
    job: Job,
    shared: Arc<Mutex<Shared>>,
    /// When the database last took a beat.
    heard: Instant,
    /// When the next one is due.
    next: Instant,
}

impl Beating {
    fn look(&mut self) {
        let used = process::memory_in_use().unwrap_or_default();
        let mut shared = lock(&self.shared);
        let peak = shared.progress.peak_memory.unwrap_or_default().max(used);
        shared.progress.peak_memory = Some(peak);
        let stop = if used > self.job.limits.memory {
            Some(Stop::OutOfMemory)
        } else if self.job.deadline_at.is_some_and(|deadline| deadline < moment::now()) {
            Some(Stop::OutOfTime)
        } else {
            None
        };
        if let (None, Some(stop)) = (shared.stop, stop) {
            shared.stop = Some((stop, Instant::now()));
        }
        let stop = shared.stop;
        drop(shared);
        if let Some((stop, since)) = stop {
            self.insist(stop, since);
        }
        if self.next <= Instant::now() {
            self.beat();
        }
    }

    /// Ends the process where the work does not. What uses too much memory gets little time.
    fn insist(&mut self, stop: Stop, since: Instant) {
        let grace = if stop == Stop::OutOfMemory { GRACE / 10 } else { GRACE };
        if since.elapsed() < Duration::from_millis(grace.unsigned_abs()) {
            return;
        }
        // With what was measured since the last one: how much memory it was, for one.
        self.beat();
        let (event, why) = failed(&self.job, Some(stop), &Error::new(ErrorKind::Cancelled, "stopped"));
        let (id, attempt) = (&self.job.id, self.job.attempt);
        let said = self.database.write_here(|transaction| queue::give_up(transaction, id, attempt, event, &why));
        eprintln!("{}", why.message);
        std::process::exit(if said.is_ok() { 0 } else { LOST });
    }

    fn beat(&mut self) {
        self.next = Instant::now() + Duration::from_millis(BEAT.unsigned_abs());
        let (progress, measured) = {
            let mut shared = lock(&self.shared);
            shared.progress.eta_seconds = shared.pace.remaining();
            (shared.progress.clone(), std::mem::take(&mut shared.measured))
        };
        let (id, attempt) = (&self.job.id, self.job.attempt);
        match self.database.write_here(|transaction| queue::beat(transaction, id, attempt, &progress, &measured)) {
            Ok(state) => {
                self.heard = Instant::now();
                let mut shared = lock(&self.shared);
                if state == State::Cancelling && shared.stop.is_none() {
                    shared.stop = Some((Stop::Cancelled, Instant::now()));
                }
            }
            Err(error) if error.code_str() == "LeaseLost" || error.kind() == ErrorKind::NotFound => {
                eprintln!("{error}");
                std::process::exit(LOST);
            }
            Err(error) if self.heard.elapsed() > Duration::from_millis(LEASE.unsigned_abs()) => {
                eprintln!("nobody can be told how far this is: {error}");
                std::process::exit(LOST);
            }
            // It may pass. The points go with the next beat.
            Err(_) => lock(&self.shared).measured.splice(0..0, measured).for_each(drop),
        }
    }
}
