//! Principal components: the two directions in which rows of numbers vary most, by subspace iteration in double precision.

use lexivec_eval::random::SplitMix;

/// Directions that are iterated: two are wanted, and with more the iteration needs fewer rounds where the second and the
/// third variance are close.
const WIDTH: usize = 8;
/// Rounds at most; a picture does not change any more long before.
const MAX_ROUNDS: usize = 64;
/// Change of the variance that two directions explain, as a share of all variance, below which the iteration ends.
const SETTLED: f64 = 1e-12;
/// Length below which what is left of a direction is rounding.
const NEGLIGIBLE: f64 = 1e-10;
/// Sweeps at most of the rotations that make a small matrix diagonal; six are usual.
const MAX_SWEEPS: usize = 32;
/// Seed of the first directions: the same rows give the same picture.
const SEED: u64 = 1;

/// Rows in the plane of their two principal components.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Projection {
    /// The place of each row.
    pub(super) places: Vec<[f64; 2]>,
    /// Share of the variance of the rows that their places keep; 1 for rows that do not vary.
    pub(super) explained: f64,
}

/// Projects rows of one length onto their two principal components. The sign of a component is such that its largest
/// number is positive.
///
/// # Errors
/// Those of `check`, which is called before each round.
pub(super) fn project<E>(
    rows: &[Vec<f32>],
    mut check: impl FnMut() -> Result<(), E>,
) -> Result<Projection, E> {
    let mean = mean(rows);
    let total: f64 = rows.iter().map(|row| centred(row, &mean).map(|x| x * x).sum::<f64>()).sum();
    let flat = Projection { places: vec![[0.0; 2]; rows.len()], explained: 1.0 };
    // Rows that are equal but for the rounding of their mean do not vary.
    let size: f64 = rows.iter().flatten().map(|&x| f64::from(x).powi(2)).sum();
    if total <= size * f64::EPSILON {
        return Ok(flat);
    }
    let mut random = SplitMix::new(SEED);
    let mut numbers = || mean.iter().map(|_| random.unit() - 0.5).collect::<Vec<f64>>();
    let mut axes: Vec<Vec<f64>> = (0..WIDTH.min(mean.len())).map(|_| numbers()).collect();
    orthonormalise(&mut axes);
    let mut kept = 0.0;
    for _ in 0..MAX_ROUNDS {
        check()?;
        let images = multiply(rows, &mean, &axes);
        // The best directions within the subspace, before it is turned further.
        let (values, turns) = eigen(small(&axes, &images));
        axes = turns.iter().map(|turn| combine(turn, &images)).collect();
        let now: f64 = values.iter().take(2).sum::<f64>() / total;
        orthonormalise(&mut axes);
        let settled = (now - kept).abs() < SETTLED;
        kept = now;
        if settled {
            break;
        }
    }
    let images = multiply(rows, &mean, &axes);
    let (_, turns) = eigen(small(&axes, &images));
    let best: Vec<Vec<f64>> =
        turns.iter().take(2).map(|turn| pointed(combine(turn, &axes))).collect();
    let place = |row: &Vec<f32>| {
        let along = |axis: Option<&Vec<f64>>| {
            axis.map_or(0.0, |axis| centred(row, &mean).zip(axis).map(|(x, a)| x * a).sum())
        };
        [along(best.first()), along(best.get(1))]
    };
    let places: Vec<[f64; 2]> = rows.iter().map(place).collect();
    let seen: f64 = places.iter().flatten().map(|x| x * x).sum();
    Ok(Projection { places, explained: (seen / total).min(1.0) })
}

fn mean(rows: &[Vec<f32>]) -> Vec<f64> {
    let mut mean = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    mean.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
    mean
}

/// A row less the mean.
fn centred<'a>(row: &'a [f32], mean: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    row.iter().zip(mean).map(|(&x, mean)| f64::from(x) - mean)
}

/// The scatter matrix of the rows times each axis, without the matrix.
fn multiply(rows: &[Vec<f32>], mean: &[f64], axes: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut images = vec![vec![0.0; mean.len()]; axes.len()];
    for row in rows {
        let row: Vec<f64> = centred(row, mean).collect();
        for (axis, image) in axes.iter().zip(&mut images) {
            let along = dot(&row, axis);
            image.iter_mut().zip(&row).for_each(|(sum, x)| *sum += along * x);
        }
    }
    images
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The scatter matrix as seen by the axes.
fn small(axes: &[Vec<f64>], images: &[Vec<f64>]) -> Vec<Vec<f64>> {
    axes.iter().map(|axis| images.iter().map(|image| dot(axis, image)).collect()).collect()
}

/// A sum of vectors with weights.
fn combine(weights: &[f64], vectors: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for (weight, vector) in weights.iter().zip(vectors) {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight * x);
    }
    sum
}

/// Makes vectors orthonormal, the first one first. One that the others before it span becomes zero.
fn orthonormalise(vectors: &mut [Vec<f64>]) {
    for at in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(at);
        let Some(vector) = rest.first_mut() else { return };
        let length = dot(vector, vector).sqrt();
        // Twice, as the first pass leaves rounding of nearly parallel vectors.
        for other in before.iter().chain(before.iter()) {
            let along = dot(vector, other);
            vector.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
        }
        let left = dot(vector, vector).sqrt();
        let scale = if left > length * NEGLIGIBLE { 1.0 / left } else { 0.0 };
        vector.iter_mut().for_each(|x| *x *= scale);
    }
}

/// An axis whose largest number, the first among equals, is positive.
fn pointed(mut axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().fold(0.0f64, |most, x| if x.abs() > most.abs() { *x } else { most });
    if largest < 0.0 {
        axis.iter_mut().for_each(|x| *x = -*x);
    }
    axis
}

/// Eigenvalues of a small symmetric matrix, largest first, each with its vector: Jacobi's rotations.
#[expect(
    clippy::indexing_slicing,
    reason = "the matrix is square, and every index is below its size"
)]
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    let unit = |at: usize| (0..size).map(|i| f64::from(u8::from(i == at))).collect();
    let mut vectors: Vec<Vec<f64>> = (0..size).map(unit).collect();
    for _ in 0..MAX_SWEEPS {
        let pairs = (0..size).flat_map(|p| (p + 1..size).map(move |q| (p, q)));
        let mut turned = false;
        for (p, q) in pairs {
            let off = (matrix[p][q] + matrix[q][p]) / 2.0;
            if off.abs() <= f64::EPSILON * (matrix[p][p] * matrix[q][q]).abs().sqrt() {
                continue;
            }
            turned = true;
            let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * off);
            let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
            let sine = tangent * cosine;
            let turn = |a: f64, b: f64| (cosine * a - sine * b, sine * a + cosine * b);
            for row in &mut matrix {
                (row[p], row[q]) = turn(row[p], row[q]);
            }
            for k in 0..size {
                (matrix[p][k], matrix[q][k]) = turn(matrix[p][k], matrix[q][k]);
                (vectors[p][k], vectors[q][k]) = turn(vectors[p][k], vectors[q][k]);
            }
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]));
    let values = order.iter().map(|&i| matrix[i][i]).collect();
    (values, order.iter().map(|&i| vectors[i].clone()).collect())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn projected(rows: &[Vec<f32>]) -> Projection {
        project(rows, || Ok::<(), Infallible>(())).expect("no check fails")
    }

    fn random_rows(count: usize, scales: &[f64], seed: u64) -> Vec<Vec<f32>> {
        let mut random = SplitMix::new(seed);
        let mut row = || scales.iter().map(|s| (s * (random.unit() - 0.5) + 3.0) as f32).collect();
        (0..count).map(|_| row()).collect()
    }

    /// The oracle: the whole scatter matrix, and power iteration with deflation until nothing moves.
    fn oracle(rows: &[Vec<f32>]) -> (Vec<Vec<f64>>, f64) {
        let (size, count) = (rows[0].len(), rows.len() as f64);
        let mean: Vec<f64> =
            (0..size).map(|k| rows.iter().map(|r| f64::from(r[k])).sum::<f64>() / count).collect();
        let at = |r: &Vec<f32>, k: usize| f64::from(r[k]) - mean[k];
        let cell = |i, j| rows.iter().map(|r| at(r, i) * at(r, j)).sum::<f64>();
        let mut scatter: Vec<Vec<f64>> =
            (0..size).map(|i| (0..size).map(|j| cell(i, j)).collect()).collect();
        let trace: f64 = (0..size).map(|i| scatter[i][i]).sum();
        let (mut axes, mut kept) = (Vec::new(), 0.0);
        for _ in 0..2.min(size) {
            let mut axis: Vec<f64> = (0..size).map(|k| 1.0 + k as f64 * 0.37).collect();
            let mut value = 0.0;
            for _ in 0..20_000 {
                let image: Vec<f64> = scatter.iter().map(|line| dot(line, &axis)).collect();
                value = dot(&image, &image).sqrt();
                axis = image.iter().map(|x| x / value).collect();
            }
            for i in 0..size {
                for j in 0..size {
                    scatter[i][j] -= value * axis[i] * axis[j];
                }
            }
            kept += value;
            axes.push(pointed(axis));
        }
        (axes, kept / trace)
    }

    #[test]
    fn places_are_those_of_a_plain_decomposition() {
        for (scales, count) in [
            (vec![5.0, 3.0], 20),
            (vec![1.0, 4.0, 2.0], 50),
            (vec![9.0, 7.5, 1.0, 6.0, 0.5], 200),
            ((1..=24).map(f64::from).collect(), 300),
        ] {
            for seed in 0..5 {
                let rows = random_rows(count, &scales, seed);
                let (axes, explained) = oracle(&rows);
                let found = projected(&rows);
                assert!((found.explained - explained).abs() < 1e-9, "{scales:?} {seed}");
                let mean = mean(&rows);
                for (row, place) in rows.iter().zip(&found.places) {
                    for (axis, x) in axes.iter().zip(place) {
                        let expected: f64 = centred(row, &mean).zip(axis).map(|(x, a)| x * a).sum();
                        assert!((expected - x).abs() < 1e-4, "{scales:?} {seed}: {expected} {x}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_plane_keeps_its_distances() {
        let mut random = SplitMix::new(7);
        let flat: Vec<[f64; 2]> = (0..40).map(|_| [random.unit(), random.unit()]).collect();
        // Turned into six dimensions by two orthonormal directions.
        let (a, b) = ([0.5, 0.5, 0.5, 0.5, 0.0, 0.0], [0.5, -0.5, 0.5, -0.5, 0.0, 0.0]);
        let lift = |[x, y]: &[f64; 2]| -> Vec<f32> {
            a.iter().zip(b).map(|(a, b)| (x * a + y * b) as f32).collect()
        };
        let rows: Vec<Vec<f32>> = flat.iter().map(lift).collect();
        let found = projected(&rows);
        assert!(found.explained > 1.0 - 1e-9);
        let distance = |p: &[f64; 2], q: &[f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
        for (p, there) in flat.iter().zip(&found.places) {
            for (q, other) in flat.iter().zip(&found.places) {
                assert!((distance(p, q) - distance(there, other)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn few_equal_and_short_rows_have_places() {
        let flat = |count| Projection { places: vec![[0.0; 2]; count], explained: 1.0 };
        assert_eq!(projected(&[]), flat(0));
        assert_eq!(projected(&[vec![0.1, 0.7, 0.3]]), flat(1));
        assert_eq!(projected(&vec![vec![0.1, 0.7, 0.3]; 9]), flat(9));
        assert_eq!(projected(&vec![Vec::new(); 3]), flat(3));
        let line = projected(&[vec![1.0], vec![3.0]]);
        assert_eq!((line.places, line.explained), (vec![[-1.0, 0.0], [1.0, 0.0]], 1.0));
    }

    #[test]
    fn one_set_of_rows_has_one_picture() {
        let rows = random_rows(100, &[4.0, 4.0, 4.0, 4.0], 3);
        assert_eq!(projected(&rows), projected(&rows));
    }

    #[test]
    fn a_check_that_fails_ends_it() {
        let mut left = 2;
        let check = || {
            left -= 1;
            if left == 0 { Err("late") } else { Ok(()) }
        };
        assert_eq!(project(&random_rows(50, &[2.0; 20], 1), check), Err("late"));
    }
}
