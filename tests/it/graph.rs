//! The graph: as good as an independent one, and the same for the same seed.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use hnsw_rs::prelude::{DistCosine, Hnsw};
use lexivec::query::plan::StrategyKind;
use lexivec::schema::VectorField;
use lexivec::storage::MemoryVfs;
use lexivec::{Collection, Document, Metric, Options, SearchRequest};
use lexivec_benches::DataSet;
use lexivec_tests::{Random, test_data};

const M: usize = 16;
const EF_CONSTRUCTION: usize = 100;
const K: usize = 10;

fn rows(path: &Path) -> Vec<Vec<f32>> {
    let npy = npyz::NpyFile::new(BufReader::new(File::open(path).expect("opened"))).expect("npy");
    let dim = npy.shape()[1] as usize;
    let floats: Vec<f32> = npy.into_vec().expect("floats");
    floats.chunks(dim).map(<[f32]>::to_vec).collect()
}

fn collection(disk: &MemoryVfs, rows: &[Vec<f32>], metric: Metric) -> Collection {
    let mut field = VectorField::new("vector", rows[0].len(), metric);
    field.m = M;
    field.ef_construction = EF_CONSTRUCTION;
    let options = Options::new().vector_field(field).graph_min_rows(1);
    let collection = Collection::create_on(Arc::new(disk.clone()), options).expect("created");
    let documents = rows.iter().enumerate();
    let documents = documents.map(|(i, v)| Document::new(format!("{i:06}")).vector(v.clone()));
    collection.upsert(documents.collect()).expect("written");
    collection
}

fn search(collection: &Collection, query: &[f32], ef: Option<usize>) -> Vec<usize> {
    let mut request = SearchRequest::vector(query.to_vec()).limit(K);
    request.params.ef = ef;
    request.params.exact = ef.is_none();
    request.params.strategy = ef.map(|_| StrategyKind::Graph);
    let answer = collection.search(&request).expect("an answer");
    assert_eq!(answer.exact, ef.is_none(), "the answer must say whether it is exact");
    answer.hits.iter().map(|h| h.id.parse().expect("a number")).collect()
}

fn recall(found: &[Vec<usize>], truth: &[Vec<usize>]) -> f64 {
    let hits = |(f, t): (&Vec<usize>, &Vec<usize>)| f.iter().filter(|row| t.contains(row)).count();
    found.iter().zip(truth).map(hits).sum::<usize>() as f64 / (truth.len() * K) as f64
}

#[test]
fn recall_on_real_vectors_is_not_below_an_independent_graph() {
    let Some(data) = test_data("ir/vaswani") else { return };
    let rows = rows(&data.join("emb_corpus.npy"));
    // Documents as queries, moved a little: 93 real queries alone make a coarse measure.
    let mut random = Random(11);
    let mut queries = self::rows(&data.join("emb_queries.npy"));
    queries.extend((0..400).map(|_| {
        let row = &rows[random.below(rows.len())];
        row.iter().map(|x| x + 0.03 * random.unit()).collect::<Vec<f32>>()
    }));
    let ours = collection(&MemoryVfs::default(), &rows, Metric::Cosine);
    let truth: Vec<_> = queries.iter().map(|q| search(&ours, q, None)).collect();

    let judge = Hnsw::<f32, DistCosine>::new(M, rows.len(), 16, EF_CONSTRUCTION, DistCosine {});
    let points: Vec<(&Vec<f32>, usize)> = rows.iter().zip(0..).collect();
    judge.parallel_insert(&points);
    for ef in [20, 50, 100, 200] {
        let found: Vec<_> = queries.iter().map(|q| search(&ours, q, Some(ef))).collect();
        let theirs: Vec<Vec<usize>> = queries
            .iter()
            .map(|q| judge.search(q, K, ef).into_iter().map(|n| n.d_id).collect())
            .collect();
        let (ours, theirs) = (recall(&found, &truth), recall(&theirs, &truth));
        println!("ef {ef}: recall@{K} {ours:.4}, hnsw_rs {theirs:.4}");
        // Their build is not repeatable; a hundredth is more than it varies.
        assert!(ours >= theirs - 0.01, "ef {ef}: {ours} against {theirs}");
        assert!(ef < 100 || ours >= 0.99, "ef {ef}: {ours}");
    }
}

#[test]
fn a_hundred_thousand_rows_are_found_with_a_recall_of_0_99() {
    let Some(folder) = test_data("../bench/data") else { return };
    let data = DataSet::read(&folder).expect("the data set");
    let scratch = tempfile::tempdir().expect("a directory");
    {
        let options = Options::new().vector(data.dim, Metric::Cosine);
        let collection = Collection::create(scratch.path(), options).expect("created");
        let rows = data.texts.iter().zip(data.vectors.chunks(data.dim)).enumerate();
        let document = |(i, (text, vector)): (usize, (&String, &[f32]))| {
            Document::new(i.to_string()).text("text", text).vector(vector.to_vec())
        };
        collection.upsert(rows.map(document).collect()).expect("written");
    }
    let collection = Collection::open_read_only(scratch.path()).expect("opened");
    let found: Vec<Vec<usize>> =
        data.queries.chunks(data.dim).map(|query| search(&collection, query, Some(256))).collect();
    let recall = data.recall(&found, K);
    println!("100k rows, m 16, ef_construction 200, ef 256: recall@{K} {recall:.4}");
    assert!(recall >= 0.99, "{recall}");
    // The default beam is the one that is promised.
    let request = SearchRequest::vector(data.queries[..data.dim].to_vec()).limit(K);
    let hits = collection.search(&request).expect("an answer").hits;
    assert_eq!(
        hits.iter().map(|h| h.id.parse::<usize>().expect("a row")).collect::<Vec<_>>(),
        found[0]
    );
}

#[test]
fn one_seed_gives_one_graph_and_one_answer() {
    let mut random = Random(3);
    let rows: Vec<Vec<f32>> = (0..3_000).map(|_| random.vector(16)).collect();
    for metric in [Metric::Cosine, Metric::Dot, Metric::L2] {
        let disks = [MemoryVfs::default(), MemoryVfs::default()];
        // Once on the pool of all cores, once on a single thread.
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let [first, second] = &disks;
        let collections =
            [collection(first, &rows, metric), one.install(|| collection(second, &rows, metric))];
        let segments = disks.map(|disk| {
            let files = disk.contents().into_iter();
            let segment = files.filter(|(name, _)| name.starts_with("segment")).map(|(_, b)| b);
            // Past the header: it carries the collection's own id, as does the footer.
            segment.map(|b| b[64..b.len() - 64].to_vec()).collect::<Vec<_>>()
        });
        assert!(segments[0] == segments[1], "{metric:?}: two builds differ");
        let queries: Vec<Vec<f32>> = (0..50).map(|_| random.vector(16)).collect();
        let truth: Vec<_> = queries.iter().map(|q| search(&collections[0], q, None)).collect();
        let found = collections
            .each_ref()
            .map(|c| queries.iter().map(|q| search(c, q, Some(60))).collect::<Vec<_>>());
        assert_eq!(found[0], found[1]);
        let recall = recall(&found[0], &truth);
        assert!(recall >= 0.9, "{metric:?}: recall {recall}");
    }
}

#[test]
fn equal_vectors_are_all_found() {
    // Many rows at one place must not hide each other, nor the rest of the graph.
    let mut random = Random(4);
    let mut rows: Vec<Vec<f32>> = (0..1_500).map(|_| random.vector(8)).collect();
    let one = rows[0].clone();
    rows.extend(std::iter::repeat_n(one.clone(), 1_500));
    let collection = collection(&MemoryVfs::default(), &rows, Metric::L2);
    let found = search(&collection, &one, Some(60));
    assert_eq!(found[0], 0, "ties go to the lower id");
    let request = SearchRequest::vector(one).limit(10).ef(60).strategy(StrategyKind::Graph);
    let answer = collection.search(&request).expect("found");
    assert!(answer.hits.iter().all(|h| h.score == 0.0), "all ten are at the query's place");
    let far: Vec<f32> = rows[400].clone();
    assert_eq!(search(&collection, &far, Some(60))[0], 400);
}
