//! Collections as a caller reaches them. The database is private to this file: a route has no way to a collection but by
//! a caller, and so by its scope.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use axum::http::StatusCode;
use lexivec::{
    Budget, Collection, Database, Filter, Options, Schema, Searcher, Unopened, WriteOptions, Writer,
};
use lexivec_access::{Principal, Verb};
use serde::Serialize;

use crate::error::{ApiResult, Problem, without_path};
use crate::limits::MAX_ROWS_BYTES;

/// The name of the collection that keeps aliases. No name that a route makes of a caller's is written like this.
pub(crate) const ALIASES: &str = "q--aliases";

/// The collections of a server.
pub(crate) struct Collections(Database);

/// A collection as one caller reaches it: reads and writes are confined to the caller's rows.
pub(crate) struct Scoped {
    collection: Arc<Collection>,
    caller: Arc<Principal>,
}

/// A damaged collection.
#[derive(Serialize)]
pub(crate) struct Fault {
    pub(crate) name: String,
    /// The reason, without the server's paths.
    pub(crate) reason: String,
}

impl Collections {
    pub(crate) fn new(database: Database) -> Self {
        Self(database)
    }

    /// The collection of this name. One outside the caller's scope is missed like one that does not exist.
    pub(crate) fn get(&self, caller: &Arc<Principal>, name: &str) -> ApiResult<Scoped> {
        Ok(Scoped { collection: self.find(caller, name)?, caller: caller.clone() })
    }

    /// The collection of this name with all of its rows, for a caller whose scope holds them.
    pub(crate) fn whole(&self, caller: &Principal, name: &str) -> ApiResult<Arc<Collection>> {
        // The gate has refused others already; the scope is what counts.
        if !caller.scope.holds_whole_collections() {
            return Err(lexivec_access::Refused::SomeRows.into());
        }
        self.find(caller, name)
    }

    /// The directory of a collection, for a caller whose scope holds all of its rows.
    pub(crate) fn path_of(&self, caller: &Principal, name: &str) -> ApiResult<PathBuf> {
        self.whole(caller, name)?;
        Ok(self.0.path_of(name)?)
    }

    fn find(&self, caller: &Principal, name: &str) -> ApiResult<Arc<Collection>> {
        if !caller.scope.collections.contains(name) {
            return Err(lexivec::Error::NoCollection { name: name.to_owned() }.into());
        }
        self.0.get(name).map_err(|error| {
            let of_name = |other: &&Unopened| other.name.as_deref() == Some(name);
            match self.0.unopened().iter().find(of_name) {
                Some(other) => Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "collection_not_open",
                    "The collection cannot be opened",
                    other.reason.clone(),
                ),
                None => error.into(),
            }
        })
    }

    /// The collection in which the server keeps aliases. The part of it that a caller is shown is up to the caller's scope.
    pub(crate) fn aliases(&self) -> Option<Arc<Collection>> {
        self.0.get(ALIASES).ok()
    }

    /// The collection in which the server keeps aliases, which is made if it is not there.
    pub(crate) fn make_aliases(&self) -> ApiResult<Arc<Collection>> {
        match self.0.create(ALIASES, Options::new()) {
            Err(lexivec::Error::CollectionExists { .. }) => Ok(self.0.get(ALIASES)?),
            made => Ok(made?),
        }
    }

    /// Every collection of the caller's scope, by name.
    pub(crate) fn list(&self, caller: &Arc<Principal>) -> Vec<Scoped> {
        let scope = |collection: &Arc<Collection>| {
            caller.scope.collections.contains(&collection.schema().name)
        };
        let inside = self.0.list().into_iter().filter(scope);
        inside.map(|collection| Scoped { collection, caller: caller.clone() }).collect()
    }

    /// Creates a collection, whose name the caller's scope has to contain.
    pub(crate) fn create(
        &self,
        caller: &Principal,
        name: &str,
        options: Options,
    ) -> ApiResult<Arc<Collection>> {
        caller.may(Verb::Create)?;
        let names = &caller.scope.collections;
        if !names.contains(name) {
            return Err(Problem::forbidden(format!(
                "the key is confined to collections named {}",
                names.patterns().join(", ")
            )));
        }
        Ok(self.0.create(name, options)?)
    }

    /// Drops a collection and its files, its snapshots only if `snapshots` is true. Running searches keep what they have
    /// mapped. The dropped collection is returned.
    pub(crate) fn remove(
        &self,
        caller: &Principal,
        name: &str,
        snapshots: bool,
    ) -> ApiResult<Weak<Collection>> {
        caller.may(Verb::Drop)?;
        let collection = Arc::downgrade(&self.whole(caller, name)?);
        match snapshots {
            true => self.0.drop_with_snapshots(name)?,
            false => self.0.drop_collection(name)?,
        }
        Ok(collection)
    }

    /// Moves collections that are open for reading alone, the one of this name or all, to what is in their directory now.
    pub(crate) fn refresh(&self, name: Option<&str>) -> ApiResult<()> {
        match name {
            Some(name) => self.0.refresh_collection(name)?,
            None => self.0.refresh()?,
        }
        Ok(())
    }

    /// The names of all collections, for the operator.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.names()
    }

    /// The collections that are not served, for the operator.
    pub(crate) fn unopened(&self) -> &[Unopened] {
        self.0.unopened()
    }

    /// The directory of all collections.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.0.path()
    }

    /// The collections of the caller's scope that cannot be opened. One whose name cannot be read is shown to callers
    /// that reach everything.
    pub(crate) fn unopened_of(&self, caller: &Principal) -> Vec<Unopened> {
        let scope = &caller.scope;
        let inside = |other: &&Unopened| match &other.name {
            Some(name) => scope.holds_whole_collections() && scope.collections.contains(name),
            None => scope.is_everything(),
        };
        let shown = |other: &Unopened| {
            let mut other = other.clone();
            other.reason = without_path(&other.reason, self.0.path());
            other
        };
        self.0.unopened().iter().filter(inside).map(shown).collect()
    }

    /// The damaged ones among the collections that the caller holds whole.
    pub(crate) fn damaged(&self, caller: &Arc<Principal>) -> Vec<Fault> {
        if !caller.scope.holds_whole_collections() {
            return Vec::new();
        }
        let fault = |scoped: &Scoped| {
            let reason = without_path(&scoped.collection.damage()?, self.0.path());
            Some(Fault { name: scoped.schema().name.clone(), reason })
        };
        self.list(caller).iter().filter_map(fault).collect()
    }
}

impl Scoped {
    /// A collection of a test, as a caller reaches it.
    #[cfg(test)]
    pub(crate) fn of(collection: &Arc<Collection>, caller: &Arc<Principal>) -> Self {
        Self { collection: collection.clone(), caller: caller.clone() }
    }

    /// The read view of this moment, of the caller's rows.
    pub(crate) fn searcher(&self, budget: Budget) -> lexivec::Result<Searcher> {
        let view = self.collection.searcher_within(budget)?;
        match &self.caller.scope.rows {
            None => Ok(view),
            // Scores by the rows of others would give away their words.
            Some(rows) => view.isolated(&rows.filter),
        }
    }

    /// A writer of the caller's rows.
    pub(crate) fn writer<'a>(&'a self, options: WriteOptions<'a>) -> Writer<'a> {
        let writer = self.collection.writer(options);
        match &self.caller.scope.rows {
            None => writer,
            Some(rows) => writer.scoped(rows.filter.clone(), rows.stamp.clone()),
        }
    }

    /// Refuses a write of this number of rows if their vectors would take more memory than one write may.
    pub(crate) fn check_rows(&self, rows: usize) -> ApiResult<()> {
        let bytes = self.schema().row_vector_bytes().saturating_mul(rows);
        if bytes > MAX_ROWS_BYTES {
            return Err(Problem::over_budget(format!(
                "{rows} rows take {bytes} bytes for their vectors; the limit of one request is {MAX_ROWS_BYTES}; send \
                 fewer at once"
            )));
        }
        Ok(())
    }

    /// The collection with all of its rows, if the caller holds them.
    pub(crate) fn whole(&self) -> Option<&Collection> {
        self.caller.scope.holds_whole_collections().then_some(&*self.collection)
    }

    /// Number of the caller's rows.
    pub(crate) fn documents(&self, budget: Budget) -> lexivec::Result<u64> {
        self.searcher(budget)?.count(&Filter::All)
    }

    /// Name, fields and models of the collection.
    pub(crate) fn schema(&self) -> &Schema {
        self.collection.schema()
    }

    /// The caller.
    pub(crate) fn caller(&self) -> &Arc<Principal> {
        &self.caller
    }

    /// The collection for a cursor, which is closed once it is dropped.
    pub(crate) fn downgrade(&self) -> Weak<Collection> {
        Arc::downgrade(&self.collection)
    }

    /// True if it is this collection.
    pub(crate) fn is(&self, other: &Weak<Collection>) -> bool {
        std::ptr::eq(other.as_ptr(), Arc::as_ptr(&self.collection))
    }
}
