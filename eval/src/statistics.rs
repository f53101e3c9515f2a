//! Mean, median, standard deviation, percentiles and pass rate of numbers; 0 where there are none.

/// Arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The middle one, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// Standard deviation of a population: the squares are divided by their count.
pub fn population_std(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: Vec<f64> = values.iter().map(|v| (v - centre) * (v - centre)).collect();
    mean(&squares).sqrt()
}

/// The value below which `percent` (0 to 100; others are taken as the nearer of the two) of the
/// values lie, interpolated linearly between the closest ranks (Hyndman and Fan, 1996, type 7).
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    percentile_of_sorted(&sorted, percent)
}

/// [`percentile`] of values that are in ascending order.
pub fn percentile_of_sorted(sorted: &[f64], percent: f64) -> f64 {
    let Some(&last) = sorted.last() else { return 0.0 };
    // Ranks are counted from 1, as their authors do and as numba does: another start rounds them otherwise.
    let rank = 1.0 + (sorted.len() - 1) as f64 * (percent.clamp(0.0, 100.0) / 100.0);
    let above = rank.fract();
    let below = rank as usize;
    let low = sorted.get(below.saturating_sub(1)).copied().unwrap_or(last);
    let high = sorted.get(below).copied().unwrap_or(last);
    low * (1.0 - above) + high * above
}

/// Share of the scores that reach the threshold.
pub fn pass_rate(scores: &[f64], threshold: f64) -> f64 {
    let passed: Vec<f64> = scores.iter().map(|&s| f64::from(u8::from(s >= threshold))).collect();
    mean(&passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_worked_out_ones() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!((mean(&values), median(&values)), (2.5, 2.5));
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(population_std(&values), 1.25f64.sqrt());
        for (percent, expected) in
            [(0.0, 1.0), (25.0, 1.75), (50.0, 2.5), (100.0, 4.0), (-5.0, 1.0), (200.0, 4.0)]
        {
            assert_eq!(percentile(&values, percent), expected, "{percent}");
        }
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert_eq!(pass_rate(&[0.7, 0.699_999, 1.0, 0.0], 0.7), 0.5);
        for of_none in [mean(&[]), median(&[]), population_std(&[]), pass_rate(&[], 0.7)] {
            assert_eq!(of_none, 0.0);
        }
    }
}
