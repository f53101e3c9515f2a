//! The native part of the Python package: collections, read views, cursors and answers, without the GIL while they work.
//!
//! Python code in `python/lexivec` gives them their public form: signatures, docstrings and types. It passes requests,
//! options and documents as dictionaries in the JSON form that they have everywhere.

mod answer;
mod collection;
mod convert;
mod courses;
mod cursor;
mod database;
mod demo;
mod documents;
mod errors;
mod handle;
mod interrupt;
mod models;
mod platform;
mod process;
mod request;
mod searcher;

use pyo3::prelude::*;

/// The native module.
#[pymodule]
fn _lexivec(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<answer::Answer>()?;
    module.add_class::<answer::Group>()?;
    module.add_class::<answer::Hit>()?;
    module.add_class::<collection::RawCollection>()?;
    module.add_class::<cursor::RawCursor>()?;
    module.add_class::<database::RawDatabase>()?;
    module.add_class::<models::RawEmbedder>()?;
    module.add_class::<models::RawReranker>()?;
    module.add_class::<searcher::RawSearcher>()?;
    module.add_function(wrap_pyfunction!(answer::answer_of, module)?)?;
    module.add_function(wrap_pyfunction!(answer::hit_of, module)?)?;
    module.add_function(wrap_pyfunction!(convert::filter_text, module)?)?;
    module.add_function(wrap_pyfunction!(request::request, module)?)?;
    demo::register(module)?;
    platform::register(module)?;
    Ok(())
}
