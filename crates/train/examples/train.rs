//! Trains on a CSV file and writes the model: `train DATA.csv SPEC.json FOLDER [TEST.csv]`. Prints the report, the predictions
//! of the test rows, and the CPU seconds of each part (of this thread, on Linux), as one JSON document. Cells that are numbers
//! throughout are numbers; empty ones are missing.

#![expect(clippy::print_stdout, reason = "what it is for")]

use std::{collections::BTreeMap, error::Error, ops::ControlFlow, path::Path};

use trainyard_train::{Cell, Column, Frame, FrameBuilder, Kind, Observer, Progress, Spec, Values, train};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, spec, folder, rest @ ..] = arguments.as_slice() else {
        return Err("train DATA.csv SPEC.json FOLDER [TEST.csv]".into());
    };
    let spec: Spec = serde_json::from_str(spec)?;
    let mut clock = Clock::default();
    let frame = read(data)?;
    clock.turn("preparing");
    let trained = train(&spec, &frame, &mut clock)?;
    clock.turn("saving");
    trained.model.save(Path::new(folder))?;
    trained.model.save_onnx(Path::new(folder))?;
    clock.turn("predicting");
    let predictions: Option<Vec<f64>> = match rest.first() {
        Some(test) => Some(trained.model.predict(&read(test)?)?.outcome.into()),
        None => None,
    };
    clock.turn("");
    let told = serde_json::json!({ "report": trained.report, "predictions": predictions, "seconds": clock.parts });
    println!("{told}");
    Ok(())
}

/// CPU seconds of each part.
#[derive(Default)]
struct Clock {
    /// What is being done; reading at first.
    now: &'static str,
    since: f64,
    parts: BTreeMap<&'static str, f64>,
}

impl Clock {
    /// One part ends, the next begins.
    fn turn(&mut self, next: &'static str) {
        // Nanoseconds on the processor come first. Elsewhere than on Linux there is no such file, and all parts are 0.
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let spent = told.split(' ').next().and_then(|first| first.parse::<f64>().ok()).unwrap_or_default() / 1e9;
        let part = if self.now.is_empty() { "reading" } else { self.now };
        *self.parts.entry(part).or_default() += spent - self.since;
        (self.now, self.since) = (next, spent);
    }
}

impl Observer for Clock {
    fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        if progress.phase.name() != self.now {
            self.turn(progress.phase.name());
        }
        ControlFlow::Continue(())
    }
}

/// Once over the file where all cells are numbers, and again where some are not.
fn read(path: &str) -> Result<Frame, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut columns = vec![Some(Vec::new()); names.len()];
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        for (column, cell) in columns.iter_mut().zip(&record) {
            let value = if cell.is_empty() { Some(f64::NAN) } else { std::str::from_utf8(cell)?.parse().ok() };
            match (&mut *column, value) {
                (Some(values), Some(value)) => values.push(value),
                _ => *column = None,
            }
        }
    }
    let kinds: Vec<Kind> =
        columns.iter().map(|column| if column.is_some() { Kind::Numeric } else { Kind::Category }).collect();
    if kinds.contains(&Kind::Category) {
        return read_mixed(path, names, &kinds);
    }
    let numbers = names.into_iter().zip(columns);
    let column = |(name, values): (String, Option<Vec<f64>>)| Column {
        name,
        values: Values::Numeric(values.unwrap_or_default()),
    };
    Ok(Frame::new(numbers.map(column).collect())?)
}

fn read_mixed(path: &str, names: Vec<String>, kinds: &[Kind]) -> Result<Frame, Box<dyn Error>> {
    let mut builder = FrameBuilder::new(names.into_iter().zip(kinds.iter().copied()));
    let mut reader = csv::Reader::from_path(path)?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        for (at, (kind, cell)) in kinds.iter().zip(&record).enumerate() {
            let cell = match kind {
                _ if cell.is_empty() => Cell::Missing,
                Kind::Numeric => Cell::Number(cell.parse()?),
                Kind::Category | Kind::Boolean => Cell::Text(cell),
            };
            builder.push(at, cell)?;
        }
    }
    Ok(builder.finish()?)
}
