//! Series at a glance: a line of text, or a picture of lines.

use trainyard_contract::{Error, Result};
use trainyard_k8s::prometheus::Sample;

/// Letters of a sparkline.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Most letters of one: more points are brought together, the greatest of each group counts.
const LETTERS: usize = 40;

const WIDTH: usize = 720;
const HEIGHT: usize = 280;
/// Room on the left for the scale, and around the rest.
const LEFT: usize = 64;
const MARGIN: usize = 14;
const GRID: usize = 4;

type Colour = [u8; 3];

const WHITE: Colour = [255, 255, 255];
const GREY: Colour = [222, 222, 222];
const INK: Colour = [70, 70, 70];
/// Colours that people with the usual kinds of colour blindness can tell apart (Okabe and Ito).
const LINES: [Colour; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [120, 120, 120],
    [160, 150, 0],
];

/// The course of a series; a blank where there is no number.
pub(super) fn sparkline(samples: &[Sample]) -> String {
    let group = samples.len().div_ceil(LETTERS).max(1);
    let greatest =
        |chunk: &[Sample]| chunk.iter().map(|sample| sample.value).filter(|value| value.is_finite()).reduce(f64::max);
    let values: Vec<Option<f64>> = samples.chunks(group).map(greatest).collect();
    let (least, most) = bounds(values.iter().copied().flatten());
    values
        .into_iter()
        .map(|value| value.map_or(' ', |value| LEVELS[step(value, least, most, LEVELS.len() - 1)]))
        .collect()
}

/// One line of a picture.
pub(super) struct Line<'a> {
    pub(super) samples: &'a [Sample],
}

/// A PNG of these lines over time, on a common scale that begins at zero where nothing is below it.
pub(super) fn draw(lines: &[Line<'_>]) -> Result<Vec<u8>> {
    let samples = || lines.iter().flat_map(|line| line.samples).filter(|sample| sample.value.is_finite());
    let (low, high) = bounds(samples().map(|sample| sample.value));
    let (from, to) = bounds(samples().map(|sample| sample.at));
    let (low, high) = (low.min(0.0), if high > low.min(0.0) { high } else { low.min(0.0) + 1.0 });
    let mut canvas = Canvas::new();
    let (bottom, right) = (HEIGHT - MARGIN, WIDTH - MARGIN);
    for line in 0..=GRID {
        let y = MARGIN + (bottom - MARGIN) * line / GRID;
        canvas.line((LEFT, y), (right, y), if line == GRID { INK } else { GREY });
        #[expect(clippy::cast_precision_loss, reason = "five lines")]
        let value = high - (high - low) * line as f64 / GRID as f64;
        canvas.write(&short(value), 6, y.saturating_sub(5));
    }
    canvas.line((LEFT, MARGIN), (LEFT, bottom), INK);
    for (line, colour) in lines.iter().zip(LINES.iter().cycle()) {
        let mut before = None;
        for sample in line.samples {
            let point = sample.value.is_finite().then(|| {
                let x = LEFT + step(sample.at, from, to, right - LEFT);
                (x, bottom - step(sample.value, low, high, bottom - MARGIN))
            });
            if let Some(point) = point {
                canvas.line(before.unwrap_or(point), point, *colour);
                canvas.dot(point, *colour);
            }
            before = point;
        }
    }
    canvas.png()
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), it| (least.min(it), most.max(it)));
    if least.is_finite() { (least, most) } else { (0.0, 0.0) }
}

/// How many of `steps` steps a value is above the least.
fn step(value: f64, least: f64, most: f64, steps: usize) -> usize {
    if most <= least {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    let place = ((value - least) / (most - least)).clamp(0.0, 1.0) * steps as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and steps")]
    let place = place.round() as usize;
    place
}

/// A number in at most seven letters.
fn short(value: f64) -> String {
    const SIZES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let size = SIZES.iter().find(|(size, _)| value.abs() >= *size);
    let (scaled, unit) = size.map_or((value, ""), |(size, unit)| (value / size, *unit));
    let text = if scaled.fract().abs() < 0.05 { format!("{scaled:.0}") } else { format!("{scaled:.1}") };
    format!("{text}{unit}")
}

struct Canvas(Vec<u8>);

impl Canvas {
    fn new() -> Self {
        Self(WHITE.repeat(WIDTH * HEIGHT))
    }

    fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if x < WIDTH && y < HEIGHT {
            let at = (y * WIDTH + x) * 3;
            self.0[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Three pixels wide where there is room, so that it can be seen when the picture is made smaller.
    fn dot(&mut self, (x, y): (usize, usize), colour: Colour) {
        for (x, y) in [(x, y), (x + 1, y), (x.saturating_sub(1), y), (x, y + 1), (x, y.saturating_sub(1))] {
            self.set(x, y, colour);
        }
    }

    fn line(&mut self, from: (usize, usize), to: (usize, usize), colour: Colour) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |from: usize, to: usize, at: usize| {
            if to >= from { from + (to - from) * at / steps } else { from - (from - to) * at / steps }
        };
        for at in 0..=steps {
            let (x, y) = (between(from.0, to.0, at), between(from.1, to.1, at));
            self.set(x, y, colour);
            if colour != GREY && colour != INK {
                self.set(x, y + 1, colour);
            }
        }
    }

    /// Writes digits, each three by five dots of two pixels.
    fn write(&mut self, text: &str, left: usize, top: usize) {
        for (number, letter) in text.chars().enumerate() {
            for (row, bits) in glyph(letter).into_iter().enumerate() {
                for column in 0..3 {
                    if bits & (0b100 >> column) != 0 {
                        let (x, y) = (left + number * 8 + column * 2, top + row * 2);
                        for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
                            self.set(x, y, INK);
                        }
                    }
                }
            }
        }
    }

    fn png(&self) -> Result<Vec<u8>> {
        let unmade = |error: png::EncodingError| Error::internal(format!("a picture could not be made: {error}"));
        let size = |pixels: usize| u32::try_from(pixels).map_err(|error| Error::internal(error.to_string()));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size(WIDTH)?, size(HEIGHT)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(unmade)?;
        writer.write_image_data(&self.0).map_err(unmade)?;
        writer.finish().map_err(unmade)?;
        Ok(bytes)
    }
}

/// The letters that numbers are written with, five rows of three dots.
fn glyph(letter: char) -> [u8; 5] {
    match letter {
        '0' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '5' => [7, 4, 7, 1, 7],
        '6' => [7, 4, 7, 5, 7],
        '7' => [7, 1, 2, 2, 2],
        '8' => [7, 5, 7, 5, 7],
        '9' => [7, 5, 7, 1, 7],
        '-' => [0, 0, 7, 0, 0],
        '.' => [0, 0, 0, 0, 2],
        'k' => [4, 5, 6, 5, 5],
        'M' => [5, 7, 7, 5, 5],
        'G' => [7, 4, 5, 5, 7],
        'T' => [7, 2, 2, 2, 2],
        _ => [0; 5],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Vec<Sample> {
        (0_u32..).zip(values).map(|(at, value)| Sample { at: f64::from(at), value: *value }).collect()
    }

    #[test]
    fn a_sparkline_shows_the_course_and_its_gaps() {
        assert_eq!(sparkline(&samples(&[0.0, 50.0, f64::NAN, 100.0])), "▁▅ █");
        assert_eq!(sparkline(&samples(&[5.0, 5.0])), "▁▁");
        assert_eq!(sparkline(&[]), "");
        assert!(sparkline(&samples(&vec![1.0; 1000])).chars().count() <= LETTERS);
        // One peak among many points is not lost.
        let mut many = vec![0.0; 1000];
        many[517] = 9.0;
        assert!(sparkline(&samples(&many)).contains('█'));
    }

    #[test]
    fn a_picture_is_a_png_with_the_line_where_it_belongs() {
        let values = samples(&[0.0, 100.0]);
        let bytes = draw(&[Line { samples: &values }]).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width as usize, info.height as usize), (WIDTH, HEIGHT));
        let at = |x: usize, y: usize| [0, 1, 2].map(|part| pixels[(y * WIDTH + x) * 3 + part]);
        assert_eq!(at(LEFT + 1, HEIGHT - MARGIN), LINES[0], "it begins at the bottom");
        assert_eq!(at(WIDTH - MARGIN - 1, MARGIN), LINES[0], "it ends at the top");
        assert_eq!(at(WIDTH / 2, 3), WHITE);
    }

    #[test]
    fn nothing_and_nonsense_are_drawn_as_an_empty_scale() {
        assert!(draw(&[]).is_ok());
        let values = samples(&[f64::NAN, f64::INFINITY, -3.0e300, 1.0e300]);
        assert!(draw(&[Line { samples: &values }]).is_ok());
    }

    #[test]
    fn numbers_of_the_scale_are_short() {
        for (value, text) in [(0.0, "0"), (42_949_672_960.0, "42.9G"), (73.0, "73"), (-1500.0, "-1.5k"), (0.5, "0.5")] {
            assert_eq!(short(value), text);
        }
    }
}
