//! Reading what people have: BEIR folders, JSON lines, vectors, folders of texts.

pub(crate) mod beir;
pub(crate) mod folder;
pub(crate) mod judged;
pub(crate) mod lines;
pub(crate) mod vectors;
