//! A person's word, or the code that their device shows, given at a terminal. Standard input is not asked: whoever can
//! pipe could say yes.

use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::{BufRead, BufReader, IsTerminal, Write},
    pin::Pin,
    sync::Arc,
};

use trainyard_aws::{Codes, Device};
use trainyard_contract::{Error, Result};

/// Asks for `word` at the controlling terminal. Anything else is a no.
pub(crate) fn agree(question: &str, word: &str) -> Result<()> {
    let mut terminal = open()?;
    let ask = write!(terminal, "{question} Type {word}: ").and_then(|()| terminal.flush());
    ask.map_err(|_| nobody())?;
    let mut answer = String::new();
    let read = BufReader::new(terminal).read_line(&mut answer);
    match read {
        Ok(_) if answer.trim() == word => Ok(()),
        _ => Err(Error::policy_denied("not agreed; nothing was done").code("Declined")),
    }
}

/// Whoever sits at the terminal, if anybody does, is asked for codes of MFA devices.
pub(crate) fn codes() -> Option<Arc<dyn Codes>> {
    std::io::stdin().is_terminal().then(|| Arc::new(AtTheTerminal) as _)
}

#[derive(Debug)]
struct AtTheTerminal;

impl Codes for AtTheTerminal {
    fn code<'a>(&'a self, device: &'a Device) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>> {
        let question = format!("Code of the MFA device {} (profile {}): ", device.serial, device.profile);
        Box::pin(async move {
            // A thread of its own, which the end of the process does not wait for: nobody may ever type anything.
            let (say, said) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || say.send(ask(&question)));
            said.await.map_err(|error| Error::internal(error.to_string()))?
        })
    }
}

/// A line that is typed after the question.
fn ask(question: &str) -> Result<String> {
    let nobody = |_| Error::validation("no code was given; nothing was sent").code("MfaCodeRequired");
    let mut terminal = open()?;
    write!(terminal, "{question}").and_then(|()| terminal.flush()).map_err(nobody)?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer).map_err(nobody)?;
    Ok(answer.trim().to_owned())
}

/// The terminal that this process was started from, if a person sits at it: one that is also its standard input, so
/// that a program in the background does not catch a word that was meant for another.
fn open() -> Result<File> {
    if !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    #[cfg(unix)]
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    #[cfg(not(unix))]
    let terminal = OpenOptions::new().read(true).write(true).open("CONIN$");
    terminal.map_err(|_| nobody())
}

fn nobody() -> Error {
    Error::policy_denied("a person has to agree to this, and there is no terminal to ask at")
        .code("NoTerminal")
        .hint("run the command in a terminal of your own; it takes no answer from a pipe or a file")
}
