//! How long a job will still take, or nothing while that cannot be known.

use std::collections::VecDeque;

/// Points that are remembered.
const POINTS: usize = 20;

/// The last points of (seconds, progress from 0 to 1).
#[derive(Debug, Default)]
pub struct Pace(VecDeque<(f64, f64)>);

impl Pace {
    /// Takes note of a point. One that brings nothing new in time takes the place of the last.
    pub fn note(&mut self, seconds: f64, progress: f64) {
        if self.0.back().is_some_and(|(last, _)| *last >= seconds) {
            self.0.pop_back();
        }
        self.0.push_back((seconds, progress));
        if self.0.len() > POINTS {
            self.0.pop_front();
        }
    }

    /// Seconds to the end, by the line of least squares through the points. `None` with fewer than three of them, and
    /// where nothing moves forward.
    pub fn remaining(&self) -> Option<f64> {
        let (_, progress) = *self.0.back()?;
        if self.0.len() < 3 || progress >= 1.0 {
            return (progress >= 1.0).then_some(0.0);
        }
        let count = f64::from(u32::try_from(self.0.len()).ok()?);
        let (times, values): (f64, f64) = self.0.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let (mean_time, mean_value) = (times / count, values / count);
        let (mut above, mut below) = (0.0, 0.0);
        for (time, value) in &self.0 {
            above += (time - mean_time) * (value - mean_value);
            below += (time - mean_time).powi(2);
        }
        let slope = above / below;
        // Also false where nothing was measured (0/0).
        (slope > 1e-9).then(|| (1.0 - progress) / slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(points: &[(f64, f64)]) -> Pace {
        let mut pace = Pace::default();
        for (seconds, progress) in points {
            pace.note(*seconds, *progress);
        }
        pace
    }

    #[test]
    fn nothing_is_said_before_it_can_be_known() {
        assert_eq!(pace(&[]).remaining(), None);
        assert_eq!(pace(&[(0.0, 0.0), (1.0, 0.1)]).remaining(), None);
        assert_eq!(pace(&[(0.0, 0.1), (1.0, 0.1), (2.0, 0.1)]).remaining(), None, "nothing moves");
        assert_eq!(pace(&[(1.0, 0.1), (1.0, 0.2), (1.0, 0.3)]).remaining(), None, "no time has passed");
        assert_eq!(pace(&[(0.0, 1.0)]).remaining(), Some(0.0));
    }

    #[test]
    fn a_steady_pace_is_carried_on() {
        let steady: Vec<_> = (0..=50).map(|second| (f64::from(second), f64::from(second) / 100.0)).collect();
        let remaining = pace(&steady).remaining().unwrap();
        assert!((remaining - 50.0).abs() < 1e-6, "{remaining}");
        let mut slower = pace(&steady);
        for second in 1..=40 {
            slower.note(50.0 + f64::from(second), 0.5 + f64::from(second) / 1000.0);
        }
        let remaining = slower.remaining().unwrap();
        assert!((remaining - 460.0).abs() < 1e-6, "only the newest points count: {remaining}");
    }
}
