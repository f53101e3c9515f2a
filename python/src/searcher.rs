//! The read view: every read of a collection, without the GIL.

use lexivec::eval::metric::Metric;
use lexivec::{JudgedQuery, RecallOptions, RecallQueries, SearchRequest, Searcher, TuneOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::answer::Answer;
use crate::convert::{filter_of, read, to_python, vectors_of};
use crate::cursor::RawCursor;
use crate::documents::members_of;
use crate::errors::{OrRaise, Part, invalid};
use crate::interrupt::interruptible;
use crate::process;
use crate::request::request_of;

/// A read view of one state of a collection.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawSearcher {
    searcher: Searcher,
}

impl RawSearcher {
    pub(crate) fn new(searcher: Searcher) -> Self {
        Self { searcher }
    }

    fn searcher(&self, py: Python<'_>) -> PyResult<&Searcher> {
        process::check(py)?;
        Ok(&self.searcher)
    }

    /// A read, without the GIL.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&Searcher) -> lexivec::Result<T> + Send,
    ) -> PyResult<T> {
        let searcher = self.searcher(py)?;
        py.detach(|| read(searcher)).or_raise(py)
    }
}

#[pymethods]
impl RawSearcher {
    fn search(&self, py: Python<'_>, request: &Bound<'_, PyDict>) -> PyResult<Answer> {
        let request = request_of(request)?;
        let answer = self.call(py, |searcher| searcher.search(&request))?;
        Answer::new(py, answer)
    }

    fn search_many(&self, py: Python<'_>, requests: &Bound<'_, PyList>) -> PyResult<Vec<Answer>> {
        let requests: Vec<SearchRequest> = requests
            .iter()
            .map(|request| request_of(request.cast::<PyDict>()?))
            .collect::<PyResult<_>>()?;
        let answers = self.call(py, |searcher| searcher.search_many(&requests))?;
        answers.into_iter().map(|answer| Answer::new(py, answer)).collect()
    }

    fn cursor(
        &self,
        py: Python<'_>,
        request: &Bound<'_, PyDict>,
        reach: usize,
    ) -> PyResult<RawCursor> {
        let request = request_of(request)?;
        let cursor = self.call(py, |searcher| searcher.cursor(&request, reach))?;
        Ok(RawCursor::new(cursor))
    }

    fn why_not<'py>(
        &self,
        py: Python<'py>,
        request: &Bound<'py, PyDict>,
        id: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = request_of(request)?;
        let report = self.call(py, |searcher| searcher.why_not(&request, id))?;
        to_python(py, &report)
    }

    fn suggest<'py>(
        &self,
        py: Python<'py>,
        request: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = read(Part::Request, "request", request)?;
        let found = self.call(py, |searcher| searcher.suggest(&request))?;
        to_python(py, &found)
    }

    fn get<'py>(&self, py: Python<'py>, id: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        let found = self.call(py, |searcher| searcher.get(id))?;
        found.map(|document| members_of(py, document)).transpose()
    }

    fn count(&self, py: Python<'_>, filter: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
        let filter = filter_of(filter)?;
        self.call(py, |searcher| searcher.count(&filter))
    }

    fn facet<'py>(
        &self,
        py: Python<'py>,
        field: &str,
        filter: Option<&Bound<'py, PyAny>>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter = filter_of(filter)?;
        let counts = self.call(py, |searcher| searcher.facet(field, &filter, limit))?;
        to_python(py, &counts)
    }

    /// A page of rows in the order of their ids, and the id after which the next page begins.
    fn scroll<'py>(
        &self,
        py: Python<'py>,
        filter: Option<&Bound<'py, PyAny>>,
        after: Option<&str>,
        limit: usize,
    ) -> PyResult<(Vec<Bound<'py, PyDict>>, Option<String>)> {
        let filter = filter_of(filter)?;
        let page = self.call(py, |searcher| searcher.scroll(&filter, after, limit))?;
        let documents = page.documents.into_iter().map(|document| members_of(py, document));
        Ok((documents.collect::<PyResult<_>>()?, page.next))
    }

    #[pyo3(signature = (*, field, k, params, filter, queries, samples, seed))]
    #[allow(clippy::too_many_arguments)] // the parameters of one Python call
    fn recall<'py>(
        &self,
        py: Python<'py>,
        field: Option<String>,
        k: usize,
        params: &Bound<'py, PyAny>,
        filter: Option<&Bound<'py, PyAny>>,
        queries: Option<&Bound<'py, PyAny>>,
        samples: usize,
        seed: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut options = RecallOptions::default();
        (options.field, options.k, options.seed) = (field, k, seed);
        options.params = read(Part::Request, "params", params)?;
        options.filter = filter_of(filter)?;
        options.queries = match queries {
            None => RecallQueries::Sampled(samples),
            Some(queries) => RecallQueries::Given(vectors_of(Part::Request, "queries", queries)?),
        };
        let searcher = self.searcher(py)?;
        let report = interruptible(py, |_| searcher.recall(&options))?;
        to_python(py, &report)
    }

    fn tune<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        metric: &str,
        folds: usize,
        seed: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let queries: Vec<JudgedQuery> = read(Part::Request, "queries", queries)?;
        let mut options = TuneOptions::default();
        options.metric = metric
            .parse::<Metric>()
            .map_err(|fault| invalid(py, Part::Argument, "metric", &fault.to_string()))?;
        (options.folds, options.seed) = (folds, seed);
        let searcher = self.searcher(py)?;
        let report = interruptible(py, |_| searcher.tune(&queries, &options))?;
        to_python(py, &report)
    }

    /// A view of the rows that a filter admits.
    fn scoped(&self, filter: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::new(self.searcher.scoped(filter_of(Some(filter))?)))
    }

    /// The schema in its JSON form.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, self.searcher.schema())
    }

    #[getter]
    fn generation(&self) -> u64 {
        self.searcher.generation()
    }

    #[getter]
    fn seq(&self) -> u64 {
        self.searcher.seq()
    }
}
