//! Routes in the shapes of other servers, for their unmodified clients.

pub(crate) mod qdrant;
