//! Lines on standard error: logs and the last words of a panic, both without secrets.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};
use trainyard_dispatch::harmless_text;

/// Our own lines at the level that was asked for; those of the libraries below us one level quieter.
pub(crate) fn start(level: LevelFilter) {
    let quieter = match level {
        LevelFilter::TRACE => LevelFilter::DEBUG,
        LevelFilter::DEBUG => LevelFilter::INFO,
        LevelFilter::INFO => LevelFilter::WARN,
        // A library's warning reaches the caller as our error, in words that help.
        _ => LevelFilter::OFF,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(Harmless).with_ansi(false);
    let targets = Targets::new().with_default(quieter).with_target("trainyard", level);
    tracing_subscriber::registry().with(lines).with(targets).init();
    std::panic::set_hook(Box::new(|panic| eprintln!("{}", harmless_text(&panic.to_string()))));
}

/// Standard error, each line redacted. The formatter hands over whole lines.
struct Harmless;

impl Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = harmless_text(&String::from_utf8_lossy(bytes));
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Harmless {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
