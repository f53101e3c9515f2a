//! Lists of words that records are made of.

pub(crate) mod comments;
pub(crate) mod labs;
pub(crate) mod people;
pub(crate) mod phrases;
pub(crate) mod subjects;
