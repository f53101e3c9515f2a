//! Damage to whole files of a collection on disk: what is lost, older, foreign, linked, cut or changed is reported or has
//! no effect, in a closed collection and under an open server.

mod closed;
mod files;
mod open;
mod world;

pub use closed::run;
pub use open::run as run_open;
