//! The jobs in the database: each function is one step of a job's life, whole or not at all.

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use trainyard_contract::{Error, ErrorKind};

use super::{
    Event, Failed, Happened, Job, LEASE, Made, Measured, NewJob, Progress, State,
    process::Process,
    record::{signed, state, text},
};
use crate::{datasets, id, moment, store::Failure};

type Result<T> = std::result::Result<T, Failure>;

/// Takes a job, or finds the one that was sent with the same token. The second value says that it is new.
pub fn submit(transaction: &Transaction<'_>, new: &NewJob) -> Result<(Job, bool)> {
    let request = digest(new)?;
    if let Some(token) = &new.token
        && let Some((job, earlier)) = by_token(transaction, token)?
    {
        if earlier != request {
            return Err(Error::new(ErrorKind::Conflict, format!("the token {token:?} belongs to another request"))
                .code("TokenReused")
                .hint(format!("it made {job}; a token stands for one request, so choose a new one"))
                .into());
        }
        return Ok((get(transaction, &job)?, false));
    }
    let (id, now) = (id::new("job")?, moment::now());
    transaction.execute(
        "INSERT INTO jobs (id, token, request, model, dataset, dataset_version, spec, state, max_attempts, time_limit, memory_limit, threads,
                           created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'queued', ?8, ?9, ?10, ?11, ?12, ?12)",
        params![
            id,
            new.token,
            request,
            new.model,
            new.dataset,
            signed(new.dataset_version),
            text(&new.spec)?,
            new.limits.attempts,
            new.limits.time,
            signed(new.limits.memory),
            new.limits.threads,
            now,
        ],
    )?;
    // The dataset is not deleted as long as somebody learns from it.
    datasets::claim(transaction, &new.dataset, new.dataset_version, &user(&id))?;
    tell(transaction, &id, 0, State::Queued, "submitted")?;
    Ok((get(transaction, &id)?, true))
}

fn digest(new: &NewJob) -> Result<String> {
    let whole = text(&(&new.model, &new.dataset, &new.spec, &new.limits))?;
    Ok(id::hexadecimal(&Sha256::digest(whole)))
}

fn by_token(transaction: &Transaction<'_>, token: &str) -> Result<Option<(String, String)>> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(transaction.query_row("SELECT id, request FROM jobs WHERE token = ?1", [token], row).optional()?)
}

/// One job.
pub fn get(transaction: &Transaction<'_>, id: &str) -> Result<Job> {
    let sql = format!("SELECT {} FROM jobs WHERE id = ?1", Job::COLUMNS);
    let mut statement = transaction.prepare(&sql)?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => Job::of_row(row),
        None => Err(Error::not_found("training job", id).hint("training_list shows the jobs").into()),
    }
}

/// Jobs, newest first: those in one of these states (in any, where none is named), older than `before`.
pub fn list(transaction: &Transaction<'_>, states: &[State], before: Option<&str>, limit: usize) -> Result<Vec<Job>> {
    let names: Vec<_> = states.iter().map(|state| format!("'{state}'")).collect();
    let wanted = if names.is_empty() { "1".to_owned() } else { format!("state IN ({})", names.join(", ")) };
    let columns = Job::COLUMNS;
    let sql =
        format!("SELECT {columns} FROM jobs WHERE {wanted} AND (?1 IS NULL OR id < ?1) ORDER BY id DESC LIMIT ?2");
    let mut statement = transaction.prepare(&sql)?;
    let mut rows = statement.query(params![before, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Job::of_row(row)?);
    }
    Ok(found)
}

/// Jobs that have not ended, oldest first.
pub fn open(transaction: &Transaction<'_>) -> Result<Vec<Job>> {
    let open: Vec<_> = super::state::STATES.into_iter().filter(|state| !state.has_ended()).collect();
    let mut jobs = list(transaction, &open, None, usize::MAX)?;
    jobs.reverse();
    Ok(jobs)
}

/// Takes the oldest job that waits for a worker, unless as many as allowed have one. The caller starts the worker.
pub fn launch(transaction: &Transaction<'_>, most: u32) -> Result<Option<Job>> {
    let open = open(transaction)?;
    let working = open.iter().filter(|job| job.state.has_worker()).count();
    let Some(job) = open.into_iter().find(|job| job.state.waits()) else { return Ok(None) };
    if working >= most as usize {
        return Ok(None);
    }
    let state = job.state.after(Event::Launched)?;
    let (attempt, now) = (job.attempt + 1, moment::now());
    transaction.execute(
        "UPDATE jobs SET state = ?2, reason = NULL, attempt = ?3, worker = NULL, beat_at = NULL, lease_until = ?4, updated_at = ?5
         WHERE id = ?1",
        params![job.id, state.as_str(), attempt, now + 2 * LEASE, now],
    )?;
    tell(transaction, &job.id, attempt, state, "a worker is being started")?;
    Ok(Some(get(transaction, &job.id)?))
}

/// The process of this attempt was started. It has not taken its job yet, but whoever looks knows whom to look for.
pub fn launched(transaction: &Transaction<'_>, id: &str, attempt: u32, worker: &Process) -> Result<()> {
    transaction.execute(
        "UPDATE jobs SET worker = ?3 WHERE id = ?1 AND attempt = ?2 AND worker IS NULL AND state IN ('starting', 'cancelling')",
        params![id, attempt, text(worker)?],
    )?;
    Ok(())
}

/// The worker of this attempt takes its job; nothing, where it was cancelled meanwhile. An error where the job is no
/// longer its own.
pub fn claim(transaction: &Transaction<'_>, id: &str, attempt: u32, worker: &Process) -> Result<Option<Job>> {
    let job = held(transaction, id, attempt)?;
    if job.state == State::Cancelling && job.beat_at.is_none() {
        end(transaction, &job, Event::Stopped, "cancelled before it began", None)?;
        return Ok(None);
    }
    if !matches!(job.state, State::Starting | State::Stalled)
        || job.worker.as_ref().is_some_and(|other| other != worker)
    {
        return Err(lost(id, attempt));
    }
    let (state, now) = (job.state.after(Event::Claimed)?, moment::now());
    let deadline = job.deadline_at.unwrap_or_else(|| now.saturating_add(job.limits.time));
    transaction.execute(
        "UPDATE jobs SET state = ?2, worker = ?3, started_at = coalesce(started_at, ?4), deadline_at = ?5, beat_at = ?4,
                         lease_until = ?6, updated_at = ?4, progress = '{}'
         WHERE id = ?1",
        params![id, state.as_str(), text(worker)?, now, deadline, now + LEASE],
    )?;
    tell(transaction, id, attempt, state, &format!("process {} has it", worker.pid))?;
    get(transaction, id).map(Some)
}

/// The worker says that it lives and how far it is; the answer is the state, which may be that it should end.
pub fn beat(
    transaction: &Transaction<'_>,
    id: &str,
    attempt: u32,
    progress: &Progress,
    measured: &[Measured],
) -> Result<State> {
    let job = held(transaction, id, attempt)?;
    let (state, now) = (job.state.after(Event::Heard)?, moment::now());
    transaction.execute(
        "UPDATE jobs SET state = ?2, beat_at = ?3, lease_until = ?4, updated_at = ?3, progress = ?5 WHERE id = ?1",
        params![id, state.as_str(), now, now + LEASE, text(progress)?],
    )?;
    if state != job.state {
        tell(transaction, id, attempt, state, "the worker was heard of again")?;
    }
    let mut insert = transaction.prepare(
        "INSERT OR REPLACE INTO job_metrics (job, attempt, name, step, at, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for point in measured.iter().filter(|point| point.value.is_finite()) {
        insert.execute(params![id, attempt, point.name, signed(point.step), now, point.value])?;
    }
    Ok(state)
}

/// The worker has a model and begins to store it.
pub fn stores(transaction: &Transaction<'_>, id: &str, attempt: u32) -> Result<()> {
    let job = held(transaction, id, attempt)?;
    let state = job.state.after(Event::Stores)?;
    let sql = "UPDATE jobs SET state = ?2, updated_at = ?3 WHERE id = ?1";
    transaction.execute(sql, params![id, state.as_str(), moment::now()])?;
    tell(transaction, id, attempt, state, "trained; the model is being stored")
}

/// The worker's model is in the registry, by this same transaction.
pub fn complete(transaction: &Transaction<'_>, id: &str, attempt: u32, made: &Made) -> Result<()> {
    let job = held(transaction, id, attempt)?;
    transaction.execute("UPDATE jobs SET made = ?2 WHERE id = ?1", params![id, text(made)?])?;
    let what = format!("stored as version {} of {}", made.version, made.model);
    end(transaction, &job, Event::Stored, &what, None)
}

/// The worker ends its job without a model.
pub fn give_up(transaction: &Transaction<'_>, id: &str, attempt: u32, event: Event, why: &Failed) -> Result<()> {
    let job = held(transaction, id, attempt)?;
    // Who wanted it to end gets what was wanted, whatever the worker stumbled over on the way.
    let event = if job.state == State::Cancelling { Event::Stopped } else { event };
    let error = (event != Event::Stopped).then_some(why);
    end(transaction, &job, event, &why.message, error)
}

/// Somebody wants a job to end. One that waits has ended with that; one that works is told by its next beat.
pub fn cancel(transaction: &Transaction<'_>, id: &str) -> Result<Job> {
    let job = get(transaction, id)?;
    if job.state == State::Cancelling {
        return Ok(job);
    }
    let state = job.state.after(Event::CancelWanted)?;
    if state.has_ended() {
        end(transaction, &job, Event::CancelWanted, "cancelled before it began", None)?;
        return get(transaction, id);
    }
    let sql = "UPDATE jobs SET state = ?2, cancel_wanted_at = ?3, updated_at = ?3 WHERE id = ?1";
    transaction.execute(sql, params![id, state.as_str(), moment::now()])?;
    tell(transaction, id, job.attempt, state, "somebody wants it to end")?;
    get(transaction, id)
}

/// The worker of this attempt is gone without a word. Another may try where attempts are left and `again` allows it.
/// Gives the state, or nothing where the job was no longer its own.
pub fn gone(
    transaction: &Transaction<'_>,
    id: &str,
    attempt: u32,
    how: &super::local::Ending,
) -> Result<Option<State>> {
    let job = get(transaction, id)?;
    if job.attempt != attempt || !job.state.has_worker() {
        return Ok(None);
    }
    if job.state != State::Cancelling && job.deadline_at.is_some_and(|deadline| deadline < moment::now()) {
        out_of_time(transaction, &job)?;
        return Ok(Some(State::TimedOut));
    }
    let again = how.again && job.attempt < job.limits.attempts;
    let event = Event::WorkerGone { seen: how.seen, again };
    let state = job.state.after(event)?;
    if state == State::Interrupted {
        transaction.execute(
            "UPDATE jobs SET state = ?2, reason = ?3, worker = NULL, lease_until = NULL, updated_at = ?4 WHERE id = ?1",
            params![id, state.as_str(), how.error.message, moment::now()],
        )?;
        tell(transaction, id, attempt, state, &format!("{}; it begins again with another worker", how.error.message))?;
        return Ok(Some(state));
    }
    let error = (state != State::Cancelled).then_some(&how.error);
    end(transaction, &job, event, &how.error.message, error)?;
    Ok(Some(state))
}

/// The worker lives and has not been heard of for too long.
pub fn silent(transaction: &Transaction<'_>, job: &Job) -> Result<()> {
    let state = job.state.after(Event::Silent)?;
    if state == job.state {
        return Ok(());
    }
    let sql = "UPDATE jobs SET state = ?2, updated_at = ?3 WHERE id = ?1";
    transaction.execute(sql, params![job.id, state.as_str(), moment::now()])?;
    tell(transaction, &job.id, job.attempt, state, "the worker lives and is silent")
}

/// The time of a job that waits is over.
pub fn out_of_time(transaction: &Transaction<'_>, job: &Job) -> Result<()> {
    let error = time_limit(job);
    end(transaction, job, Event::OutOfTime, &error.message, Some(&error))
}

pub(super) fn time_limit(job: &Job) -> Failed {
    Failed {
        code: "TimeLimit".to_owned(),
        message: format!("it was not done within its {} s", job.limits.time / 1000),
        hint: Some("allow more time, or train on less: a faster preset, fewer columns, fewer rows".to_owned()),
    }
}

fn end(transaction: &Transaction<'_>, job: &Job, event: Event, what: &str, error: Option<&Failed>) -> Result<()> {
    let (state, now) = (job.state.after(event)?, moment::now());
    let error = error.map(text).transpose()?;
    transaction.execute(
        "UPDATE jobs SET state = ?2, reason = NULL, error = ?3, ended_at = ?4, updated_at = ?4, lease_until = NULL WHERE id = ?1",
        params![job.id, state.as_str(), error, now],
    )?;
    datasets::release(transaction, &user(&job.id))?;
    tell(transaction, &job.id, job.attempt, state, what)
}

/// The job, if this attempt still has it.
fn held(transaction: &Transaction<'_>, id: &str, attempt: u32) -> Result<Job> {
    let job = get(transaction, id)?;
    if job.attempt != attempt || !job.state.has_worker() {
        return Err(lost(id, attempt));
    }
    Ok(job)
}

fn lost(id: &str, attempt: u32) -> Failure {
    Error::new(ErrorKind::Conflict, format!("attempt {attempt} no longer has {id}")).code("LeaseLost").into()
}

/// Adds a line to the history.
fn tell(transaction: &Transaction<'_>, id: &str, attempt: u32, state: State, what: &str) -> Result<()> {
    let mut insert = transaction.prepare(
        "INSERT INTO job_events (job, number, at, attempt, state, what)
         SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5 FROM job_events WHERE job = ?1",
    )?;
    insert.execute(params![id, moment::now(), attempt, state.as_str(), what])?;
    Ok(())
}

/// The history of a job, oldest first.
pub fn history(transaction: &Transaction<'_>, id: &str) -> Result<Vec<Happened>> {
    get(transaction, id)?;
    let sql = "SELECT at, attempt, state, what FROM job_events WHERE job = ?1 ORDER BY number";
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query([id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(2)?;
        found.push(Happened { at: row.get(0)?, attempt: row.get(1)?, state: state(&name)?, what: row.get(3)? });
    }
    Ok(found)
}

/// The points of all learning curves of an attempt, in the order of their rounds.
pub fn metrics(transaction: &Transaction<'_>, id: &str, attempt: u32) -> Result<Vec<Measured>> {
    let sql = "SELECT name, step, value FROM job_metrics WHERE job = ?1 AND attempt = ?2 ORDER BY name, step";
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query(params![id, attempt])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let step: i64 = row.get(1)?;
        found.push(Measured { name: row.get(0)?, step: super::record::count(step), value: row.get(2)? });
    }
    Ok(found)
}

/// As it stands among those who need a dataset.
fn user(id: &str) -> String {
    format!("job {id}")
}
