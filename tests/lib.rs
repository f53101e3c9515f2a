//! Items shared by the test binaries: paths of the test data and of the built command, and plain models.
#![forbid(unsafe_code)]

pub mod campaigns;
pub mod model;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Child;

use lexivec::Metric;

/// A random source for tests (SplitMix64), so that a seed repeats a run.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    /// A number from -1 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.number() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// A vector of such numbers.
    pub fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.unit()).collect()
    }
}

/// A child process that is killed when it is dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Similarity in double precision.
pub fn similarity(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    match metric {
        Metric::Dot => dot(a, b),
        Metric::Cosine => dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        Metric::L2 => 2.0 * dot(a, b) - dot(a, a) - dot(b, b),
    }
}

/// The folder of real test collections: `LEXIVEC_TEST_DATA`, or `shared/data` next to the checkout.
/// Where it is not there the caller's test is left out, and says so; under CI it fails.
pub fn test_data(part: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("LEXIVEC_TEST_DATA") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs the test data {}", path.display());
    // Written past the test harness, which would keep the line of a passing test to itself.
    let notice = format!("LEFT OUT: a test that needs {}; set LEXIVEC_TEST_DATA\n", path.display());
    let _ = std::io::stderr().write_all(notice.as_bytes());
    None
}

/// The built `lexivec` command, next to this program or to its folder.
///
/// # Panics
/// When it was not built.
#[allow(clippy::panic)] // a test cannot go on without it
pub fn command() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let built = own.ancestors().skip(1).take(2).map(|dir| dir.join("lexivec")).find(|p| p.exists());
    built.unwrap_or_else(|| panic!("build the command first: cargo build -p lexivec-cli"))
}
