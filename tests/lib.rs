//! Items shared by the test binaries: paths of the test data and of the built command, and plain models.
#![forbid(unsafe_code)]

pub mod campaigns;
pub mod model;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lexivec::Metric;
use serde_json::Value;

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
    left_out(&format!("{}; set LEXIVEC_TEST_DATA", path.display()));
    None
}

/// Reports a test that is left out, as the machine lacks what it needs: past the test harness, which would keep the line
/// of a passing test to itself.
pub fn left_out(needs: &str) {
    let notice = format!("LEFT OUT: a test that needs {needs}\n");
    let _ = std::io::stderr().write_all(notice.as_bytes());
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

/// The built command with these arguments, without the variables of this process by which it is configured.
pub fn bare<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut bare = Command::new(command());
    bare.args(arguments);
    without_settings(&mut bare);
    bare
}

/// Removes the variables by which the command is configured from the environment of a child process.
pub fn without_settings(child: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LEXIVEC_") {
            child.env_remove(name);
        }
    }
}

/// Starts a server whose arguments have `--json`, and gives what it prints once it listens.
///
/// # Errors
/// A sentence, if it does not start.
pub fn listening(mut serve: Command) -> Result<(Killed, Value), String> {
    let child = serve.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let mut server = Killed(child);
    let stdout = server.0.stdout.take().ok_or("no output")?;
    let mut ready = String::new();
    BufReader::new(stdout).read_line(&mut ready).map_err(|e| e.to_string())?;
    let ready = serde_json::from_str(&ready).map_err(|_| "the server did not start".to_owned())?;
    Ok((server, ready))
}
