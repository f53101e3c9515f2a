//! Tools that write: documents are added and deleted, all of a call or none.

use lexivec::query::json::from_value;
use lexivec::{Document, WriteOptions};

use super::Tools;
use super::answers::{Deleted, Written};
use super::arguments::{AddDocuments, DeleteDocuments};
use crate::error::{ApiResult, Problem};
use crate::limits::MAX_TOOL_WRITES;
use crate::state::Turn;
use crate::wire::within;

impl Tools {
    pub(super) async fn add_documents(&self, asked: AddDocuments) -> ApiResult<Written> {
        within("documents", asked.documents.len(), MAX_TOOL_WRITES)?;
        if asked.documents.is_empty() {
            return Err(Problem::bad_request("documents: give at least one"));
        }
        let (own, name) = (self.clone(), asked.collection);
        let lane = name.clone();
        let write = move || {
            let collection = own.state.collections.get(&own.caller, &name)?;
            let read = |(index, json)| {
                from_value::<Document>(json)
                    .map_err(|fault| Problem::bad_request(format!("documents[{index}]: {fault}")))
            };
            let documents = asked.documents.into_iter().enumerate().map(read);
            let documents: Vec<Document> = documents.collect::<ApiResult<_>>()?;
            own.state.admission.take_rows(&own.caller, documents.len())?;
            collection.check_rows(documents.len())?;
            let receipt = collection.writer(WriteOptions::new()).upsert(documents)?;
            Ok(Written { written: receipt.written, seq: receipt.seq, durable: receipt.durable })
        };
        self.state.write(Turn::of(&self.caller, &lane), write).await
    }

    pub(super) async fn delete_documents(&self, asked: DeleteDocuments) -> ApiResult<Deleted> {
        within("ids", asked.ids.len(), MAX_TOOL_WRITES)?;
        if asked.ids.is_empty() {
            return Err(Problem::bad_request("ids: name at least one document"));
        }
        let (own, name) = (self.clone(), asked.collection);
        let lane = name.clone();
        let delete = move || {
            let collection = own.state.collections.get(&own.caller, &name)?;
            let receipt = collection.writer(WriteOptions::new()).delete(&asked.ids)?;
            Ok(Deleted { deleted: receipt.deleted, seq: receipt.seq, durable: receipt.durable })
        };
        self.state.write(Turn::of(&self.caller, &lane), delete).await
    }
}
