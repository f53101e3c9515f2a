//! The fuzz targets: the check that each runs on its bytes, and the seeds it starts from.
//!
//! A target is a module with `run`, which must neither panic nor hang nor allocate wildly whatever
//! the bytes are, and `seeds`. It is entered in [`TARGETS`], in `targets/` and in `Cargo.toml`.
//! Targets whose format has checksums make them right again with [`seal`]: otherwise hardly a
//! mutation would come further than them.
#![forbid(unsafe_code)]

pub mod edits;
pub mod filter;
pub mod jsonl;
pub mod log;
pub mod manifest;
pub mod query;
pub mod seal;
pub mod sections;
pub mod segment;

/// A fuzz target.
pub struct Target {
    /// Its name, and that of its folder of inputs.
    pub name: &'static str,
    /// The check it runs on an input.
    pub run: fn(&[u8]),
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: [Target; 7] = [
    Target { name: "log", run: log::run, seeds: log::seeds },
    Target { name: "manifest", run: manifest::run, seeds: manifest::seeds },
    Target { name: "segment", run: segment::run, seeds: segment::seeds },
    Target { name: "sections", run: sections::run, seeds: sections::seeds },
    Target { name: "filter", run: filter::run, seeds: filter::seeds },
    Target { name: "query", run: query::run, seeds: query::seeds },
    Target { name: "jsonl", run: jsonl::run, seeds: jsonl::seeds },
];

#[cfg(all(test, not(feature = "planted")))]
mod tests {
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn every_seed_and_every_input_kept_does_no_harm() {
        for target in TARGETS {
            (target.seeds)().iter().for_each(|seed| (target.run)(seed));
            let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
            for entry in std::fs::read_dir(kept).expect("listed") {
                (target.run)(&std::fs::read(entry.expect("an entry").path()).expect("read"));
            }
        }
    }
}
