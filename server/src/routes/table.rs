//! The route table, with the verb of each method: the router, the gate and the answers that list routes are made of it,
//! and `docs/http.md` has to agree.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::MethodRouter;

use lexivec_access::Verb::{
    self, Configure, Create, Describe, Drop, Learn, Maintain, ManageKeys, Open, ReadAudit,
    ReadMetrics, ReadStats, Search, ShowSettings, UseModel, Write,
};

use super::{
    adapters, audit, collections, documents, evaluation, health, keys, maintenance, mcp, models,
    page, profiles, search, suggest, synonyms,
};
use crate::compat::qdrant;
use crate::state::State;

/// A path that the server answers, and the methods it answers there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The path; a name in braces stands for one part of it.
    pub path: &'static str,
    /// The HTTP methods, each with the verb that its caller has to be allowed.
    pub methods: Vec<(&'static str, Verb)>,
}

/// The path below which a collection's own routes are.
pub(super) const COLLECTION: &str = "/v1/collections/{collection}";

/// Every route of the server.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|row| row.route).collect()
}

/// The table.
pub(super) fn table() -> Vec<Row> {
    let groups = [of_server(), of_collections(), of_searches(), of_evaluation(), of_models()];
    groups.into_iter().flatten().chain(qdrant::rows()).collect()
}

fn of_server() -> Vec<Row> {
    vec![
        path("/healthz").get(Open, health::health),
        path("/livez").get(Open, health::health),
        path("/readyz").get(Open, health::health),
        path("/ui").get(Open, page::index),
        path("/ui/{file}").get(Open, page::asset),
        path("/metrics").get(ReadMetrics, health::metrics),
        path("/v1/keys").get(ManageKeys, keys::list).post(ManageKeys, keys::create),
        path("/v1/keys/{id}").delete(ManageKeys, keys::revoke),
        path("/v1/keys/{id}/rotate").post(ManageKeys, keys::rotate),
        path("/v1/audit").get(ReadAudit, audit::list),
        path("/v1/audit/export").get(ReadAudit, audit::export),
        path("/v1/stats").get(ReadStats, health::stats),
    ]
}

fn of_collections() -> Vec<Row> {
    vec![
        path("/v1/collections").get(Describe, collections::list),
        path("/v1/collections/{collection}")
            .get(Describe, collections::describe)
            .put(Create, collections::create)
            .delete(Drop, collections::delete),
        path("/v1/collections/{collection}/documents")
            .post(Write, documents::write)
            .delete(Write, documents::delete),
        path("/v1/collections/{collection}/documents/{id}")
            .get(Search, documents::read)
            .patch(Write, documents::patch),
        path("/v1/collections/{collection}/count").post(Search, documents::count),
        path("/v1/collections/{collection}/scroll").post(Search, documents::scroll),
        path("/v1/collections/{collection}/flush").post(Maintain, maintenance::flush),
        path("/v1/collections/{collection}/compact")
            .post(Maintain, maintenance::compact)
            .delete(Maintain, maintenance::cancel),
        path("/v1/collections/{collection}/verify").post(Maintain, maintenance::verify),
        path("/v1/collections/{collection}/snapshots").get(ShowSettings, maintenance::snapshots),
        path("/v1/collections/{collection}/snapshots/{snapshot}")
            .put(Maintain, maintenance::snapshot),
    ]
}

fn of_searches() -> Vec<Row> {
    vec![
        path("/v1/collections/{collection}/search").post(Search, search::search),
        path("/v1/collections/{collection}/search/batch").post(Search, search::batch),
        path("/v1/collections/{collection}/explain").post(Search, search::explain),
        path("/v1/collections/{collection}/suggest")
            .get(Search, suggest::get)
            .post(Search, suggest::post),
        path("/v1/collections/{collection}/facet").post(Search, search::facet),
        path("/v1/collections/{collection}/recall").post(Search, search::recall),
        path("/mcp").post(Search, mcp::post),
        path("/v1/collections/{collection}/map").post(Search, search::map),
    ]
}

fn of_evaluation() -> Vec<Row> {
    vec![
        path("/v1/collections/{collection}/evaluate").post(Search, evaluation::evaluate),
        path("/v1/collections/{collection}/tune").post(Search, evaluation::tune),
        path("/v1/collections/{collection}/diff").post(Search, evaluation::diff),
        path("/v1/collections/{collection}/profiles").get(ShowSettings, profiles::list),
        path("/v1/collections/{collection}/profiles/{profile}")
            .put(Configure, profiles::set)
            .delete(Configure, profiles::remove),
        path("/v1/collections/{collection}/synonyms")
            .get(ShowSettings, synonyms::show)
            .put(Configure, synonyms::set)
            .delete(Configure, synonyms::remove),
        path("/v1/collections/{collection}/learn").post(Learn, adapters::learn),
        path("/v1/collections/{collection}/adapters")
            .get(ShowSettings, adapters::list)
            .post(Configure, adapters::train),
        path("/v1/collections/{collection}/adapters/active").put(Configure, adapters::activate),
        path("/v1/collections/{collection}/adapters/{version}").delete(Configure, adapters::delete),
        path("/v1/answers").post(UseModel, evaluation::answers),
    ]
}

fn of_models() -> Vec<Row> {
    vec![
        path("/v1/models").get(UseModel, models::list),
        path("/v1/embeddings").post(UseModel, models::embeddings),
        path("/v2/rerank").post(UseModel, models::rerank),
    ]
}

/// A route with the handlers of its methods.
pub(crate) struct Row {
    pub(super) route: Route,
    pub(super) handlers: MethodRouter<Arc<State>>,
}

/// A row without methods.
pub(crate) fn path(path: &'static str) -> Row {
    Row { route: Route { path, methods: Vec::new() }, handlers: MethodRouter::new() }
}

impl Row {
    pub(crate) fn get<H: Handler<T, Arc<State>>, T: 'static>(self, verb: Verb, handler: H) -> Self {
        self.with("GET", verb, |handlers| handlers.get(handler))
    }

    pub(crate) fn put<H: Handler<T, Arc<State>>, T: 'static>(self, verb: Verb, handler: H) -> Self {
        self.with("PUT", verb, |handlers| handlers.put(handler))
    }

    pub(crate) fn post<H: Handler<T, Arc<State>>, T: 'static>(
        self,
        verb: Verb,
        handler: H,
    ) -> Self {
        self.with("POST", verb, |handlers| handlers.post(handler))
    }

    pub(crate) fn patch<H: Handler<T, Arc<State>>, T: 'static>(
        self,
        verb: Verb,
        handler: H,
    ) -> Self {
        self.with("PATCH", verb, |handlers| handlers.patch(handler))
    }

    pub(crate) fn delete<H: Handler<T, Arc<State>>, T: 'static>(
        self,
        verb: Verb,
        handler: H,
    ) -> Self {
        self.with("DELETE", verb, |handlers| handlers.delete(handler))
    }

    fn with(
        mut self,
        method: &'static str,
        verb: Verb,
        add: impl FnOnce(MethodRouter<Arc<State>>) -> MethodRouter<Arc<State>>,
    ) -> Self {
        self.route.methods.push((method, verb));
        self.handlers = add(self.handlers);
        self
    }
}
