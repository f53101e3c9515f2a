//! The forms in which documents are given to a write.

use super::Document;

/// One document, or anything that iterates over documents: a `Vec`, an array, an iterator.
///
/// [`Collection::upsert`](crate::Collection::upsert) takes it; it is implemented for these alone.
pub trait IntoDocuments: sealed::Sealed {
    /// The documents as one batch, in their order.
    fn into_documents(self) -> Vec<Document>;
}

impl IntoDocuments for Document {
    fn into_documents(self) -> Vec<Document> {
        vec![self]
    }
}

impl<I: IntoIterator<Item = Document>> IntoDocuments for I {
    fn into_documents(self) -> Vec<Document> {
        self.into_iter().collect()
    }
}

mod sealed {
    use crate::document::Document;

    /// Implemented where [`IntoDocuments`](super::IntoDocuments) is.
    pub trait Sealed {}
    impl Sealed for Document {}
    impl<I: IntoIterator<Item = Document>> Sealed for I {}
}
