//! Input of lexivec: folders of files in many formats, tables, BEIR data sets, vector files, and models that are
//! fetched from packages or asked over HTTP.
//!
//! [`ingest_folder`] cuts every file of a folder into chunks and writes those that changed since the last time:
//!
//! ```no_run
//! use lexivec::Collection;
//! use lexivec_ingest::{FolderOptions, ingest_folder};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Must come first: PDF, Parquet and long files are read by this program, started a second time.
//!     lexivec_ingest::serve_if_asked();
//!     let collection = Collection::open("notes-index")?;
//!     let report = ingest_folder(&collection, "notes".as_ref(), &FolderOptions::default())?;
//!     println!("{} chunks of {} files", report.chunks, report.documents);
//!     Ok(())
//! }
//! ```
//!
//! # Reader processes
//!
//! The libraries that parse PDF and Parquet may panic, loop or take all memory on damaged files, and parsers of text take
//! long for some. Each such file, and any of more than 128 KiB, is therefore read by a second process with bounds on time
//! and memory, see [`Reader`].
#![forbid(unsafe_code)]

pub mod beir;
mod chunks;
pub mod endpoint;
mod error;
mod files;
mod folder;
pub mod lines;
pub mod loaders;
pub mod model_registry;
pub mod queries;
pub mod vectors;
pub mod wheel;

pub use chunks::{chunk_id, chunk_of};
pub use error::{Error, Result};
pub use files::Unread;
pub use folder::{FolderOptions, FolderReport, ingest_folder, ingest_folder_into_new};
pub use loaders::{READER_VARIABLE, Reader, serve, serve_if_asked};
