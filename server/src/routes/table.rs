//! The route table: the router and the answers that list routes are made of it, and `docs/http.md` has to agree.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::MethodRouter;

use super::{
    adapters, collections, documents, evaluation, health, maintenance, models, profiles, search,
    suggest, synonyms,
};
use crate::state::State;

/// A path that the server answers, and the methods it answers there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The path; a name in braces stands for one part of it.
    pub path: &'static str,
    /// The HTTP methods.
    pub methods: Vec<&'static str>,
}

/// Every route of the server.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|row| row.route).collect()
}

/// The table.
pub(super) fn table() -> Vec<Row> {
    let groups = [of_server(), of_collections(), of_searches(), of_evaluation(), of_models()];
    groups.into_iter().flatten().collect()
}

fn of_server() -> Vec<Row> {
    vec![
        path("/healthz").get(health::health),
        path("/livez").get(health::health),
        path("/readyz").get(health::health),
        path("/metrics").get(health::metrics),
    ]
}

fn of_collections() -> Vec<Row> {
    vec![
        path("/v1/collections").get(collections::list),
        path("/v1/collections/{collection}")
            .get(collections::describe)
            .put(collections::create)
            .delete(collections::delete),
        path("/v1/collections/{collection}/documents")
            .post(documents::write)
            .delete(documents::delete),
        path("/v1/collections/{collection}/documents/{id}")
            .get(documents::read)
            .patch(documents::patch),
        path("/v1/collections/{collection}/count").post(documents::count),
        path("/v1/collections/{collection}/scroll").post(documents::scroll),
        path("/v1/collections/{collection}/flush").post(maintenance::flush),
        path("/v1/collections/{collection}/compact")
            .post(maintenance::compact)
            .delete(maintenance::cancel),
        path("/v1/collections/{collection}/verify").post(maintenance::verify),
        path("/v1/collections/{collection}/snapshots").get(maintenance::snapshots),
        path("/v1/collections/{collection}/snapshots/{snapshot}").put(maintenance::snapshot),
    ]
}

fn of_searches() -> Vec<Row> {
    vec![
        path("/v1/collections/{collection}/search").post(search::search),
        path("/v1/collections/{collection}/search/batch").post(search::batch),
        path("/v1/collections/{collection}/explain").post(search::explain),
        path("/v1/collections/{collection}/suggest").get(suggest::get).post(suggest::post),
        path("/v1/collections/{collection}/facet").post(search::facet),
        path("/v1/collections/{collection}/recall").post(search::recall),
    ]
}

fn of_evaluation() -> Vec<Row> {
    vec![
        path("/v1/collections/{collection}/evaluate").post(evaluation::evaluate),
        path("/v1/collections/{collection}/tune").post(evaluation::tune),
        path("/v1/collections/{collection}/diff").post(evaluation::diff),
        path("/v1/collections/{collection}/profiles").get(profiles::list),
        path("/v1/collections/{collection}/profiles/{profile}")
            .put(profiles::set)
            .delete(profiles::remove),
        path("/v1/collections/{collection}/synonyms")
            .get(synonyms::show)
            .put(synonyms::set)
            .delete(synonyms::remove),
        path("/v1/collections/{collection}/learn").post(adapters::learn),
        path("/v1/collections/{collection}/adapters").get(adapters::list).post(adapters::train),
        path("/v1/collections/{collection}/adapters/active").put(adapters::activate),
        path("/v1/collections/{collection}/adapters/{version}").delete(adapters::delete),
        path("/v1/answers").post(evaluation::answers),
    ]
}

fn of_models() -> Vec<Row> {
    vec![
        path("/v1/models").get(models::list),
        path("/v1/embeddings").post(models::embeddings),
        path("/v2/rerank").post(models::rerank),
    ]
}

/// A route with the handlers of its methods.
pub(super) struct Row {
    pub(super) route: Route,
    pub(super) handlers: MethodRouter<Arc<State>>,
}

/// A row without methods.
fn path(path: &'static str) -> Row {
    Row { route: Route { path, methods: Vec::new() }, handlers: MethodRouter::new() }
}

impl Row {
    fn get<H: Handler<T, Arc<State>>, T: 'static>(self, handler: H) -> Self {
        self.with("GET", |handlers| handlers.get(handler))
    }

    fn put<H: Handler<T, Arc<State>>, T: 'static>(self, handler: H) -> Self {
        self.with("PUT", |handlers| handlers.put(handler))
    }

    fn post<H: Handler<T, Arc<State>>, T: 'static>(self, handler: H) -> Self {
        self.with("POST", |handlers| handlers.post(handler))
    }

    fn patch<H: Handler<T, Arc<State>>, T: 'static>(self, handler: H) -> Self {
        self.with("PATCH", |handlers| handlers.patch(handler))
    }

    fn delete<H: Handler<T, Arc<State>>, T: 'static>(self, handler: H) -> Self {
        self.with("DELETE", |handlers| handlers.delete(handler))
    }

    fn with(
        mut self,
        method: &'static str,
        add: impl FnOnce(MethodRouter<Arc<State>>) -> MethodRouter<Arc<State>>,
    ) -> Self {
        self.route.methods.push(method);
        self.handlers = add(self.handlers);
        self
    }
}
