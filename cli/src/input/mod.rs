//! Reading what people have: BEIR folders, JSON lines, tables, vectors, folders of files of many formats.

pub(crate) mod beir;
pub(crate) mod judged;
pub(crate) mod lines;
pub(crate) mod material;
pub(crate) mod vectors;
