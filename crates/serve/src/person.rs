//! A word of the person behind a call, such as the code that their device shows. The call that lacks it fails and says
//! what it wants to know; the person is asked while nothing is under way; then the call is made again with their word.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static BEHIND: Arc<Person>;
}

/// The person behind the call that runs here, as far as its tools can tell.
#[derive(Debug, Default)]
pub(crate) struct Person(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    wanted: Option<String>,
    told: Option<String>,
}

/// What somebody deep in a call learns who wants to know something of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// This is what they say. It is told once.
    Told(String),
    /// They will be asked when this call has failed, and the call is then made again.
    Asked,
    /// There is nobody who could be asked.
    Nobody,
}

/// Asks the person behind the call that runs here.
pub fn ask_person(question: &str) -> Word {
    BEHIND
        .try_with(|person| {
            let mut known = person.known();
            if let Some(told) = known.told.take() {
                return Word::Told(told);
            }
            known.wanted = Some(question.to_owned());
            Word::Asked
        })
        .unwrap_or(Word::Nobody)
}

impl Person {
    /// Somebody who has said this much already.
    pub(crate) fn who_said(told: Option<String>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Known { wanted: None, told })))
    }

    /// Does the work of a call on their behalf.
    pub(crate) fn behind<F: Future>(self: &Arc<Self>, work: F) -> TaskLocalFuture<Arc<Self>, F> {
        BEHIND.scope(Arc::clone(self), work)
    }

    /// What the call wanted to know and did not.
    pub(crate) fn wanted(&self) -> Option<String> {
        self.known().wanted.take()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Nothing that could panic happens under the lock, so a poisoned one still holds what was said.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_word_is_told_once_to_the_call_that_it_was_said_for() {
        assert_eq!(ask_person("code"), Word::Nobody);
        let silent = Person::who_said(None);
        assert_eq!(silent.behind(async { ask_person("code") }).await, Word::Asked);
        assert_eq!((silent.wanted().as_deref(), silent.wanted()), (Some("code"), None));
        let told = Person::who_said(Some("123456".into()));
        let both = async { (ask_person("code"), ask_person("code")) };
        assert_eq!(told.behind(both).await, (Word::Told("123456".into()), Word::Asked));
    }
}
