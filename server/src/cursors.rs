//! Open cursors: the tokens that stand for them, how many there may be, and when they are closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use lexivec::{Collection, Cursor, SearchResponse};
use lexivec_access::Principal;
use uuid::Uuid;

use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_CURSOR_ROWS, MAX_CURSORS};
use crate::scoped::Scoped;
use crate::wire::PageJson;

/// The cursors of one server. If one more would be too many, those are closed that were not used for longest among those
/// of the caller that holds most rows by them: most cursors are abandoned after the first pages, and refusing new ones for
/// their sake would block every client until they expire.
///
/// A token says which cursor and which page, so that a page whose answer was lost can be requested again. It is of use to
/// the caller alone that opened the cursor.
pub(crate) struct Cursors {
    idle: Duration,
    open: Mutex<BTreeMap<Uuid, Open>>,
}

struct Open {
    cursor: Arc<Cursor>,
    /// The collection, weakly, so that a dropped one is freed.
    collection: Weak<Collection>,
    caller: Arc<Principal>,
    /// Hits of a page where a request names no number.
    limit: usize,
    used: Instant,
}

impl Cursors {
    /// No cursors; each is closed once it was not used for this time.
    pub(crate) fn new(idle: Duration) -> Self {
        Self { idle, open: Mutex::default() }
    }

    /// Takes a cursor in, unless all its hits are in the first page, which is the answer.
    pub(crate) fn open(
        &self,
        collection: &Scoped,
        cursor: Cursor,
        limit: usize,
        now: Instant,
    ) -> ApiResult<PageJson> {
        let answer = cursor.page(0, limit)?;
        if answer.hits.len() == cursor.rows() {
            return Ok(PageJson { answer, cursor: None });
        }
        let id = Uuid::new_v4();
        let (rows, next) = (cursor.rows(), token(id, &answer, 0));
        let (caller, collection) = (collection.caller().clone(), collection.downgrade());
        let opened = Open { cursor: Arc::new(cursor), collection, caller, limit, used: now };
        self.sweep(now);
        let mut open = self.lock();
        while open.len() >= MAX_CURSORS || held(&open) + rows > MAX_CURSOR_ROWS {
            if dispensable(&open).and_then(|id| open.remove(&id)).is_none() {
                break;
            }
        }
        open.insert(id, opened);
        Ok(PageJson { answer, cursor: Some(next) })
    }

    /// The page that a token stands for.
    pub(crate) fn page(
        &self,
        collection: &Scoped,
        token_given: &str,
        limit: Option<usize>,
        now: Instant,
    ) -> ApiResult<PageJson> {
        let (id, from) = read(token_given).ok_or_else(closed)?;
        let (cursor, usual) = self.find(collection, id, now).ok_or_else(closed)?;
        let answer = cursor.page(from, limit.unwrap_or(usual))?;
        let more = from.saturating_add(answer.hits.len()) < cursor.rows();
        let cursor = more.then(|| token(id, &answer, from));
        Ok(PageJson { answer, cursor })
    }

    fn find(&self, collection: &Scoped, id: Uuid, now: Instant) -> Option<(Arc<Cursor>, usize)> {
        let mut open = self.lock();
        let found = open.get_mut(&id).filter(|open| !open.is_over(self.idle, now))?;
        if !collection.is(&found.collection) || found.caller != *collection.caller() {
            return None;
        }
        found.used = now;
        Some((found.cursor.clone(), found.limit))
    }

    /// Closes those of a collection.
    pub(crate) fn close(&self, collection: &Weak<Collection>) {
        self.lock().retain(|_, open| !open.collection.ptr_eq(collection));
    }

    /// Closes those that were not used for too long, and those whose collection was dropped.
    pub(crate) fn sweep(&self, now: Instant) {
        self.lock().retain(|_, open| !open.is_over(self.idle, now));
    }

    /// Open cursors.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn is_over(&self, idle: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= idle || self.collection.strong_count() == 0
    }
}

/// Rows that cursors keep.
fn held(open: &BTreeMap<Uuid, Open>) -> usize {
    open.values().map(|open| open.cursor.rows()).sum()
}

/// The cursor that was not used for longest, of the caller whose cursors keep most rows.
fn dispensable(open: &BTreeMap<Uuid, Open>) -> Option<Uuid> {
    let mut rows: Vec<(&Principal, usize)> = Vec::new();
    for open in open.values() {
        match rows.iter_mut().find(|(caller, _)| *caller == &*open.caller) {
            Some((_, sum)) => *sum += open.cursor.rows(),
            None => rows.push((&open.caller, open.cursor.rows())),
        }
    }
    let (most, _) = rows.into_iter().max_by_key(|(_, sum)| *sum)?;
    let theirs = open.iter().filter(|(_, open)| &*open.caller == most);
    theirs.min_by_key(|(_, open)| open.used).map(|(id, _)| *id)
}

/// The token of the page after this one.
fn token(id: Uuid, page: &SearchResponse, from: usize) -> String {
    format!("{}.{}", id.simple(), from.saturating_add(page.hits.len()))
}

fn read(token: &str) -> Option<(Uuid, usize)> {
    let (id, from) = token.split_once('.')?;
    Some((Uuid::try_parse(id).ok()?, from.parse().ok()?))
}

fn closed() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "cursor_gone",
        "The cursor is closed",
        "no open cursor of this collection has this token: it was not used for too long, newer ones took \
         its place, or the server was restarted; search again",
    )
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;
    use lexivec::{Document, Options, SearchRequest};
    use lexivec_access::{Role, Scope};

    const IDLE: Duration = Duration::from_secs(60);

    fn collection(rows: usize) -> Scoped {
        let collection = Collection::in_memory(Options::new()).expect("made");
        let row = |id: usize| Document::new(id.to_string()).text("wing");
        collection.upsert((0..rows).map(row)).expect("written");
        Scoped::of(&Arc::new(collection), &Arc::new(Principal::anyone()))
    }

    fn view(collection: &Scoped) -> lexivec::Searcher {
        collection.searcher(lexivec::Budget::new()).expect("a view")
    }

    /// Opens a cursor of pages of two hits; gives its token.
    fn open(cursors: &Cursors, collection: &Scoped, reach: usize, now: Instant) -> String {
        let cursor =
            view(collection).cursor(&SearchRequest::text("wing"), reach).expect("a cursor");
        let page = cursors.open(collection, cursor, 2, now).expect("opened");
        assert_eq!(page.answer.hits.len(), 2);
        page.cursor.expect("more is left")
    }

    fn is_open(cursors: &Cursors, of: &Scoped, token: &str, now: Instant) -> bool {
        match cursors.page(of, token, None, now) {
            Ok(page) => !page.answer.hits.is_empty(),
            Err(problem) => {
                assert_eq!((problem.status, problem.code), (StatusCode::GONE, "cursor_gone"));
                false
            }
        }
    }

    #[test]
    fn a_cursor_is_closed_once_it_is_not_used_for_too_long() {
        let (cursors, of, start) = (Cursors::new(IDLE), collection(9), Instant::now());
        let token = open(&cursors, &of, 9, start);
        let nearly = IDLE - Duration::from_millis(1);
        assert!(is_open(&cursors, &of, &token, start + nearly));
        assert!(is_open(&cursors, &of, &token, start + nearly * 2), "it was used");
        cursors.sweep(start + nearly * 3);
        assert_eq!(cursors.lock().len(), 1);
        assert!(!is_open(&cursors, &of, &token, start + nearly * 2 + IDLE));
        cursors.sweep(start + nearly * 2 + IDLE);
        assert_eq!(cursors.lock().len(), 0);
    }

    #[test]
    fn too_many_cursors_close_the_one_not_used_for_longest() {
        let (cursors, of, start) = (Cursors::new(IDLE), collection(9), Instant::now());
        let at = |millis: usize| start + Duration::from_millis(millis as u64);
        let mut tokens: Vec<String> =
            (0..MAX_CURSORS).map(|i| open(&cursors, &of, 9, at(i))).collect();
        assert!(is_open(&cursors, &of, &tokens[0], at(MAX_CURSORS)));
        tokens.push(open(&cursors, &of, 9, at(MAX_CURSORS + 1)));
        assert_eq!(cursors.lock().len(), MAX_CURSORS);
        let closed = tokens.iter().map(|t| !is_open(&cursors, &of, t, at(MAX_CURSORS + 2)));
        let closed: Vec<usize> = closed.enumerate().filter(|(_, c)| *c).map(|(i, _)| i).collect();
        assert_eq!(closed, [1]);
    }

    #[test]
    fn too_many_rows_close_as_many_cursors_as_make_room() {
        let (cursors, start) = (Cursors::new(IDLE), Instant::now());
        let (small, large) = (collection(1_000), collection(lexivec::limits::MAX_REACH));
        let reach = lexivec::limits::MAX_REACH;
        let at = |millis: usize| start + Duration::from_millis(millis as u64);
        let first: Vec<String> = (0..3).map(|i| open(&cursors, &small, reach, at(i))).collect();
        let room = (MAX_CURSOR_ROWS - 3_000) / reach;
        for i in 0..room {
            open(&cursors, &large, reach, at(10 + i));
            assert_eq!(cursors.lock().len(), 4 + i);
        }
        open(&cursors, &large, reach, at(1_000));
        assert_eq!(cursors.lock().len(), room + 1, "three small ones make room for a large one");
        assert!(held(&cursors.lock()) <= MAX_CURSOR_ROWS);
        assert!(first.iter().all(|token| !is_open(&cursors, &small, token, at(1_000))));
    }

    #[test]
    fn a_token_is_of_one_collection_and_goes_with_it() {
        let (cursors, now) = (Cursors::new(IDLE), Instant::now());
        let (mine, other) = (collection(9), collection(9));
        let token = open(&cursors, &mine, 9, now);
        assert!(!is_open(&cursors, &other, &token, now));
        cursors.close(&other.downgrade());
        assert!(is_open(&cursors, &mine, &token, now));
        cursors.close(&mine.downgrade());
        assert!(!is_open(&cursors, &mine, &token, now));

        // A collection that is dropped while a cursor is opened on it.
        open(&cursors, &mine, 9, now);
        let watch = mine.downgrade();
        drop(mine);
        assert_eq!(watch.strong_count(), 0, "a cursor does not hold its collection");
        cursors.sweep(now);
        assert_eq!(cursors.lock().len(), 0);
    }

    #[test]
    fn a_token_is_of_use_to_its_caller_alone() {
        let (cursors, now) = (Cursors::new(IDLE), Instant::now());
        let whole = Arc::new(Collection::in_memory(Options::new()).expect("made"));
        whole.upsert((0..9).map(|id| Document::new(id.to_string()).text("wing"))).expect("written");
        let caller = |id| Arc::new(Principal::new(id, Role::Reader, Scope::everything()));
        let [mine, other] = ["a", "b"].map(|id| Scoped::of(&whole, &caller(id)));
        let token = open(&cursors, &mine, 9, now);
        assert!(!is_open(&cursors, &other, &token, now));
        assert!(is_open(&cursors, &mine, &token, now));
        // The other caller's cursors close each other, and not this one.
        for _ in 0..=MAX_CURSORS {
            open(&cursors, &other, 9, now + Duration::from_secs(1));
        }
        assert_eq!(cursors.lock().len(), MAX_CURSORS);
        assert!(is_open(&cursors, &mine, &token, now));
    }

    #[test]
    fn what_is_no_token_is_no_cursor() {
        let (cursors, of, now) = (Cursors::new(IDLE), collection(9), Instant::now());
        let token = open(&cursors, &of, 9, now);
        let (id, from) = token.split_once('.').expect("two parts");
        assert_eq!((id.len(), from), (32, "2"));
        let other = format!("{}.2", Uuid::new_v4().simple());
        for wrong in ["", ".", "x", id, &format!("{id}."), &format!("{id}.-1"), "0.0", &other] {
            assert!(!is_open(&cursors, &of, wrong, now), "{wrong}");
        }
        let beyond = format!("{id}.{}", usize::MAX);
        let page = cursors.page(&of, &beyond, Some(usize::MAX), now).expect("a page of none");
        assert!(page.answer.hits.is_empty() && page.cursor.is_none());
        let all = cursors.page(&of, &token, Some(100), now).expect("the rest");
        assert_eq!((all.answer.hits.len(), all.cursor), (7, None));
        let one = collection(1);
        let cursor = view(&one).cursor(&SearchRequest::text("wing"), 5).expect("a cursor");
        assert_eq!(cursors.open(&one, cursor, 5, now).expect("a page").cursor, None);
        assert_eq!(cursors.lock().len(), 1, "nothing is left of it");
    }
}
