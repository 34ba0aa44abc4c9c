//! The least of a smooth convex function, by L-BFGS (Nocedal and Wright, algorithm 7.4).

use std::collections::VecDeque;

/// Steps that are remembered.
const MEMORY: usize = 12;
/// Most steps.
const STEPS: usize = 500;
/// How much of what the slope promises a step has to keep.
const ENOUGH: f64 = 1e-4;

/// Starts at `at` and ends where no partial derivative is above `tolerance`, or where no step leads further down.
/// `function` gives the value, and writes the gradient.
pub(super) fn minimise(
    mut at: Vec<f64>,
    tolerance: f64,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut gradient = vec![0.0; at.len()];
    let mut value = function(&at, &mut gradient);
    let (mut next, mut next_gradient) = (at.clone(), gradient.clone());
    let mut remembered: VecDeque<Step> = VecDeque::with_capacity(MEMORY);
    for _ in 0..STEPS {
        if gradient.iter().all(|slope| slope.abs() <= tolerance) {
            break;
        }
        let mut direction = direction(&gradient, &remembered);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding has spoilt what was remembered.
            remembered.clear();
            direction = gradient.iter().map(|slope| -slope).collect();
            slope = -dot(&gradient, &gradient);
        }
        // Nothing is known of the scale before the first step.
        let mut length = if remembered.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let next_value = loop {
            for ((next, at), direction) in next.iter_mut().zip(&at).zip(&direction) {
                *next = at + length * direction;
            }
            let next_value = function(&next, &mut next_gradient);
            if next_value <= value + ENOUGH * length * slope {
                break next_value;
            }
            // Where the parabola through what is known is least, within bounds.
            let curved = 2.0 * (next_value - value - length * slope);
            let least = if curved.is_finite() && curved > 0.0 { -slope * length * length / curved } else { 0.0 };
            length = least.clamp(0.1 * length, 0.5 * length);
            if length < 1e-12 {
                return at;
            }
        };
        let step = Step::new(&at, &next, &gradient, &next_gradient);
        if step.curvature > 1e-12 * dot(&step.gradient, &step.gradient) {
            if remembered.len() == MEMORY {
                remembered.pop_front();
            }
            remembered.push_back(step);
        }
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = next_value;
    }
    at
}

/// A step, and how the gradient changed by it.
struct Step {
    at: Vec<f64>,
    gradient: Vec<f64>,
    curvature: f64,
}

impl Step {
    fn new(at: &[f64], next: &[f64], gradient: &[f64], next_gradient: &[f64]) -> Self {
        let less = |from: &[f64], to: &[f64]| -> Vec<f64> { to.iter().zip(from).map(|(to, from)| to - from).collect() };
        let (at, gradient) = (less(at, next), less(gradient, next_gradient));
        let curvature = dot(&at, &gradient);
        Self { at, gradient, curvature }
    }
}

/// Downhill, as far as the last steps tell of the curvature.
fn direction(gradient: &[f64], remembered: &VecDeque<Step>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(remembered.len());
    for step in remembered.iter().rev() {
        let share = dot(&step.at, &direction) / step.curvature;
        add(&mut direction, -share, &step.gradient);
        shares.push(share);
    }
    if let Some(last) = remembered.back() {
        let scale = last.curvature / dot(&last.gradient, &last.gradient);
        for value in &mut direction {
            *value *= scale;
        }
    }
    for (step, share) in remembered.iter().zip(shares.into_iter().rev()) {
        let back = dot(&step.gradient, &direction) / step.curvature;
        add(&mut direction, share - back, &step.at);
    }
    direction
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_narrow_valley_is_found() {
        // Scales apart by a million, and bound to each other.
        let least = minimise(vec![5.0, -3.0, 2.0], 1e-9, |at, gradient| {
            let (x, y, z) = (at[0] - 1.0, at[1] + 2.0, at[2] - x_of(at));
            gradient[0] = 1e3 * x - 1e-3 * z;
            gradient[1] = y;
            gradient[2] = 1e-3 * z;
            0.5 * (1e3 * x * x + y * y + 1e-3 * z * z)
        });
        for (found, wanted) in least.iter().zip([1.0, -2.0, 1.0]) {
            assert!((found - wanted).abs() < 1e-5, "{least:?}");
        }
    }

    fn x_of(at: &[f64]) -> f64 {
        at[0]
    }
}
