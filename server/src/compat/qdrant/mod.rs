//! Routes in Qdrant's shape, so that its clients and the frameworks that use them run against this server.

mod aliases;
mod answer;
mod call;
mod collections;
mod facet;
mod filter;
mod fusion;
mod groups;
mod ids;
mod names;
mod payload;
mod points;
mod query;
mod rank;
mod read;
mod select;
mod settings;
mod wire;

use lexivec_access::Verb::{Configure, Create, Describe, Drop, Open, Search, Write};

use crate::routes::table::{Row, path};

pub(crate) use answer::{refusal, root};

/// True for a path whose refusals have Qdrant's form.
pub(crate) fn is_route(path: &str) -> bool {
    path.starts_with("/collections") || path == "/aliases"
}

/// The rows of the route table.
pub(crate) fn rows() -> Vec<Row> {
    [of_server(), of_collections(), of_points(), of_changes()].into_iter().flatten().collect()
}

fn of_server() -> Vec<Row> {
    vec![
        path("/").get(Open, root),
        path("/aliases").get(Describe, aliases::list),
        path("/collections").get(Describe, collections::list),
        path("/collections/aliases").post(Configure, aliases::change),
    ]
}

fn of_collections() -> Vec<Row> {
    vec![
        path("/collections/{collection}")
            .get(Describe, collections::describe)
            .put(Create, collections::create)
            .patch(Configure, collections::update)
            .delete(Drop, collections::delete),
        path("/collections/{collection}/exists").get(Describe, collections::exists),
        path("/collections/{collection}/aliases").get(Describe, aliases::of_collection),
        path("/collections/{collection}/index").put(Configure, collections::index),
        path("/collections/{collection}/index/{key}").delete(Configure, collections::no_index),
        path("/collections/{collection}/facet").post(Search, facet::facet),
    ]
}

fn of_points() -> Vec<Row> {
    vec![
        path("/collections/{collection}/points")
            .put(Write, points::upsert)
            .post(Search, read::retrieve),
        path("/collections/{collection}/points/{id}").get(Search, read::one),
        path("/collections/{collection}/points/scroll").post(Search, read::scroll),
        path("/collections/{collection}/points/count").post(Search, read::count),
        path("/collections/{collection}/points/query").post(Search, query::query),
        path("/collections/{collection}/points/query/batch").post(Search, query::query_batch),
        path("/collections/{collection}/points/query/groups").post(Search, groups::query),
        path("/collections/{collection}/points/search").post(Search, query::search),
        path("/collections/{collection}/points/search/batch").post(Search, query::search_batch),
        path("/collections/{collection}/points/search/groups").post(Search, groups::search),
        path("/collections/{collection}/points/recommend").post(Search, query::recommend),
        path("/collections/{collection}/points/recommend/batch")
            .post(Search, query::recommend_batch),
    ]
}

fn of_changes() -> Vec<Row> {
    vec![
        path("/collections/{collection}/points/delete").post(Write, points::delete),
        path("/collections/{collection}/points/payload")
            .post(Write, payload::set)
            .put(Write, payload::overwrite),
        path("/collections/{collection}/points/payload/delete").post(Write, payload::delete),
        path("/collections/{collection}/points/payload/clear").post(Write, payload::clear),
        path("/collections/{collection}/points/vectors").put(Write, payload::vectors),
        path("/collections/{collection}/points/vectors/delete").post(Write, payload::no_vectors),
        path("/collections/{collection}/points/batch").post(Write, payload::batch),
    ]
}
