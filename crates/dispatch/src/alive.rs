//! Whether a call is getting on. One that says so may go on; one that is silent for too long is ended.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use tokio::time::{Duration, Instant, timeout};
use trainyard_contract::{Call, Progress};

/// A call, and when it was last heard of.
pub(crate) struct Live {
    pub(crate) call: Call,
    alive: Arc<Alive>,
}

struct Alive {
    listener: Arc<dyn Progress>,
    /// How far it was at most, and when that was said.
    last: Mutex<(u64, Option<Instant>)>,
}

/// What comes of work that has nothing to wait for. No clock is read and no timer is set for it.
pub(crate) async fn at_once<T>(mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|context| {
        Poll::Ready(match work.as_mut().poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

impl Progress for Alive {
    fn report(&self, done: u64, total: Option<u64>, message: &str) {
        // Nothing that could panic happens under the lock, so a poisoned one still holds a sound pair.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if done > last.0 {
            *last = (done, Some(Instant::now()));
        }
        drop(last);
        self.listener.report(done, total, message);
    }
}

impl Live {
    /// A call that begins now.
    pub(crate) fn new(call: Call) -> Self {
        let alive = Arc::new(Alive { listener: call.progress, last: Mutex::new((0, None)) });
        let progress = Arc::clone(&alive) as Arc<dyn Progress>;
        Self { call: Call { progress, ..call }, alive }
    }

    /// Waits for work of this call until it was silent for so long; `None` then.
    pub(crate) async fn within<T>(&self, silence: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        if let Some(done) = at_once(work.as_mut()).await {
            return Some(done);
        }
        let begun = Instant::now();
        loop {
            let (_, last) = *self.alive.last.lock().unwrap_or_else(PoisonError::into_inner);
            let left = (last.map_or(begun, |last| last.max(begun)) + silence).saturating_duration_since(Instant::now());
            match timeout(left, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) if left.is_zero() => return None,
                // It may have been heard of meanwhile.
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use trainyard_contract::Unheard;

    use super::*;

    fn live() -> Live {
        let (id, binding) = (String::new(), String::new());
        let call = Call { tool: "t", id, binding, principal: "".into(), progress: Arc::new(Unheard) };
        Live::new(call)
    }

    #[tokio::test(start_paused = true)]
    async fn what_gets_on_is_waited_for_and_what_stands_still_is_not() {
        let (silence, live) = (Duration::from_secs(10), live());
        let progress = Arc::clone(&live.call.progress);
        let steady = async {
            for done in 1..=5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                progress.report(done, None, "");
            }
            "done"
        };
        assert_eq!(live.within(silence, steady).await, Some("done"));
        let repeating = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                progress.report(5, None, "");
            }
        };
        assert_eq!(live.within(silence, repeating).await, None, "saying the same again is no progress");
    }
}
