//! Access to a database: what a role may do, which collections and rows a key reaches, and what was done with it.
//!
//! A [`Principal`] is the caller of a request, once its key or token is checked: a [`Role`], which allows verbs, and a
//! [`Scope`], which confines them to collections and rows. Nothing here knows HTTP.
#![forbid(unsafe_code)]

mod principal;
mod role;
mod scope;

pub use principal::{Principal, Refused};
pub use role::{Reach, Role, Verb};
pub use scope::{CollectionNames, Rows, Scope};
