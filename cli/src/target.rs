//! The options of almost every verb: the collection, and JSON instead of text.

use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Target {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Print JSON instead of text.
    #[arg(long, display_order = 1_000)]
    pub(crate) json: bool,
}
