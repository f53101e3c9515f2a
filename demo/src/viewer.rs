//! The person for whom courses and analytics are made, by role.

use crate::error::{Error, Result};
use crate::people;
use crate::source::Source;

/// A viewer of demo data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// An instructor, with the name that the own courses show.
    Instructor(String),
    /// A student.
    Student,
    /// An administrator; so is every role that is none of the others.
    Administrator,
}

impl Viewer {
    /// The viewer of a role: `instructor`, `student`, or any other word for an administrator.
    ///
    /// # Errors
    /// [`Error::Missing`] if an instructor has no name.
    pub fn new(role: &str, name: Option<&str>) -> Result<Self> {
        match role {
            "instructor" => Ok(Self::Instructor(name.ok_or(Error::Missing("name"))?.to_owned())),
            "student" => Ok(Self::Student),
            _ => Ok(Self::Administrator),
        }
    }

    /// An instructor with a name that the source's seed chooses.
    #[must_use]
    pub fn some_instructor(source: &Source) -> Self {
        Self::Instructor(people::anyone(&mut source.draw("instructor", 0)))
    }
}
