//! Macros for the loops that the kernels of all machines share: over floats and over rows.

/// A kernel over floats: four sums of `$lanes` lanes, so that no product waits for the one before. The
/// unused lanes of the last step are 0.
macro_rules! over_floats {
    ($features:literal, $name:ident, $lanes:literal, $zero:ident, $add:ident, $sum:ident, $step:expr) => {
        #[target_feature(enable = $features)]
        pub(super) fn $name(a: &[f32], b: &[f32]) -> f32 {
            let step = $step;
            let (a, a_rest) = a.as_chunks::<$lanes>();
            let (b, b_rest) = b.as_chunks::<$lanes>();
            let (a_fours, a_last) = a.as_chunks::<4>();
            let (b_fours, b_last) = b.as_chunks::<4>();
            let mut sums = [$zero(); 4];
            for (a, b) in a_fours.iter().zip(b_fours) {
                for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                    *sum = step(*sum, floats(a), floats(b));
                }
            }
            let [mut first, second, third, fourth] = sums;
            for (a, b) in a_last.iter().zip(b_last) {
                first = step(first, floats(a), floats(b));
            }
            let (mut a, mut b) = ([0.0; $lanes], [0.0; $lanes]);
            a.iter_mut().zip(a_rest).for_each(|(to, from)| *to = *from);
            b.iter_mut().zip(b_rest).for_each(|(to, from)| *to = *from);
            let first = step(first, floats(&a), floats(&b));
            $sum($add($add(first, second), $add(third, fourth)))
        }
    };
}

/// A kernel over many rows.
macro_rules! over_rows {
    ($features:literal, $name:ident, $one:ident) => {
        #[target_feature(enable = $features)]
        pub(super) fn $name(
            codes: &[u8],
            stride: usize,
            rows: &[u32],
            query: &Components,
            out: &mut [i32],
        ) {
            for (&row, out) in rows.iter().zip(out) {
                *out = $one(record(codes, stride, row), query);
            }
        }
    };
}

/// A kernel over many rows of half floats: two sums of `$lanes` lanes, so that no product waits for the
/// one before.
macro_rules! over_halves {
    ($features:literal, $name:ident, $lanes:literal, $zero:ident, $add:ident, $sum:ident, $step:expr) => {
        #[target_feature(enable = $features)]
        pub(super) fn $name(
            codes: &[u8],
            stride: usize,
            rows: &[u32],
            query: &[f32],
            out: &mut [f32],
        ) {
            let step = $step;
            let query = query.as_chunks::<$lanes>().0.as_chunks::<2>().0;
            for (&row, out) in rows.iter().zip(out) {
                let code = record(codes, stride, row).as_chunks::<{ 2 * $lanes }>().0;
                let mut sums = [$zero(); 2];
                for ([c0, c1], [q0, q1]) in code.as_chunks::<2>().0.iter().zip(query) {
                    sums[0] = step(sums[0], c0, floats(q0));
                    sums[1] = step(sums[1], c1, floats(q1));
                }
                *out = $sum($add(sums[0], sums[1]));
            }
        }
    };
}

/// A kernel over pairs of a code and others, until one of them is enough.
macro_rules! over_pairs {
    ($features:literal, $name:ident, $one:ident) => {
        #[target_feature(enable = $features)]
        pub(super) fn $name(
            codes: &[u8],
            stride: usize,
            row: u32,
            others: &[u32],
            mut enough: impl FnMut(u32, i32) -> bool,
        ) -> bool {
            let own = record(codes, stride, row);
            others.iter().any(|&other| enough(other, $one(own, record(codes, stride, other))))
        }
    };
}
