//! The distance kernels of the engine with no more around them than they need.
#![allow(dead_code)] // the engine uses what is not used here

#[path = "../../engine/src/vector/distance/mod.rs"]
mod distance;

mod schema {
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Metric {
        Cosine,
        Dot,
        L2,
    }
}
