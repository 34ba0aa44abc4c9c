//! botocore in a process of its own, asked line by line.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// A running reference.
pub(crate) struct Botocore {
    process: Child,
    ask: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Botocore {
    /// Starts the release that the catalogue was made from, whatever release the emulators ask for.
    pub(crate) fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let fetched = here.join("../../target/xtask");
        let sdist = fetched.join("botocore-sdist-1.44.5");
        assert!(sdist.is_dir(), "run `cargo xtask test-data`");
        let python: PathBuf = fetched.join("venv/bin/python3");
        let mut process = Command::new(python)
            .arg(here.join("tests/oracle/reference.py"))
            .env("PYTHONPATH", sdist)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // With AWS's C library botocore signs for several regions at once (SigV4A) where a service takes both; the
            // emulator needs that library, and we sign for one.
            .env("BOTO_DISABLE_CRT", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let ask = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, ask, answers }
    }

    /// One answer: what was asked for, or why there is none.
    pub(crate) fn ask(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.ask.as_mut().expect("open"), "{question}").expect("python listens");
        let line = self.answers.next().expect("an answer").expect("text");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Botocore {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.ask.take());
        drop(self.process.wait());
    }
}
