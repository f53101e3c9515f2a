//! The long runs as a command: `campaign crash-states --states 200000 --seed 1`. The last line has
//! the totals; exit 1 at the first violation, with the seed that repeats it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a command

use std::path::Path;
use std::process::{Command, ExitCode};

use lexivec_tests::campaigns::{
    Outcome, crash, cycles, damage, faults, fixture, flips, kill, leaks, operations, soak, threads,
};

/// Options, each with a number.
const VALUES: [&str; 9] = [
    "--seed",
    "--states",
    "--kills",
    "--stride",
    "--places",
    "--ops",
    "--cycles",
    "--rows",
    "--seconds",
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let place = args.iter().position(|a| a == name);
        place.and_then(|i| args.get(i + 1)).and_then(|v| v.parse().ok()).unwrap_or(default)
    };
    let seed = number("--seed", 1);
    let known = |arg: &String| !arg.starts_with('-') || VALUES.contains(&arg.as_str());
    let command = args.first().filter(|_| args.iter().all(known));
    let outcome: Outcome = match command.map(String::as_str) {
        Some("crash-states") => {
            crash::run(number("--states", 200_000) as usize, seed, crash::Planted::Nothing)
        }
        Some("kill9") => kill::run(number("--kills", 2_000) as usize, seed, false),
        Some("io-faults") => faults::run(seed, None),
        Some("bit-flips") => flips::run(number("--stride", 1) as usize),
        Some("damage") => damage::run(number("--places", 150) as usize, seed, false),
        Some("damage-open") => damage::run_open(number("--places", 2) as usize, seed, false),
        Some("leaks") => leaks::run(number("--ops", 100_000) as usize, seed, false),
        Some("model-ops") => operations::run(number("--ops", 200_000) as usize, seed, None),
        Some("cycles") => {
            let rows = number("--rows", 10_000) as usize;
            let source = cycles::Source::clustered(rows, 32, seed);
            cycles::run(number("--cycles", 50) as usize, &source, seed, true)
        }
        Some("threads") => threads::run(number("--seconds", 300), seed, false),
        Some("soak") => {
            let own = std::env::current_exe().unwrap_or_default();
            soak::run(number("--seconds", 600), seed, false, |dir| {
                let mut reader = Command::new(&own);
                reader.arg("read").arg(dir);
                reader
            })
        }
        Some("fixture") => {
            fixture::write(Path::new(args.get(1).map(String::as_str).unwrap_or_default()))
        }
        Some("read") => {
            let dir = args.get(1).map(String::as_str).unwrap_or_default();
            println!("{}", soak::read(Path::new(dir)));
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!(
                "campaign crash-states [--states N] | kill9 [--kills N] | io-faults | bit-flips \
                 [--stride N] | damage [--places N] | damage-open [--places N] | leaks [--ops N] | model-ops [--ops N] | cycles [--cycles N --rows N] | soak \
                 [--seconds N] | threads [--seconds N], each with [--seed S]; fixture DIR"
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(totals) => {
            println!("{totals}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("VIOLATION: {violation}");
            ExitCode::FAILURE
        }
    }
}
