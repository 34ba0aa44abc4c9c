//! A person's word, given at a terminal. Standard input is not asked: whoever can pipe could say yes.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, IsTerminal, Write},
};

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
