//! Trains on a CSV file and writes the model: `train DATA.csv SPEC.json FOLDER [TEST.csv]`. Prints the report, and the
//! predictions of the test rows, as one JSON document. Cells that are numbers throughout are numbers; empty ones are missing.

#![expect(clippy::print_stdout, reason = "what it is for")]

use std::{error::Error, path::Path};

use trainyard_train::{Cell, Column, Frame, FrameBuilder, Kind, Spec, Values, train};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, spec, folder, rest @ ..] = arguments.as_slice() else {
        return Err("train DATA.csv SPEC.json FOLDER [TEST.csv]".into());
    };
    let spec: Spec = serde_json::from_str(spec)?;
    let trained = train(&spec, &read(data)?, &mut ())?;
    trained.model.save(Path::new(folder))?;
    trained.model.save_onnx(Path::new(folder))?;
    let predictions: Option<Vec<f64>> = match rest.first() {
        Some(test) => Some(trained.model.predict(&read(test)?)?.outcome.into()),
        None => None,
    };
    println!("{}", serde_json::json!({ "report": trained.report, "predictions": predictions }));
    Ok(())
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
