//! Settings of a collection as Qdrant has them: those that a creation may name, and those that a description shows.

use std::collections::BTreeMap;

use lexivec::schema::VectorField;
use lexivec::{Metric, Options, Schema};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::names;
use crate::error::{ApiResult, Problem};

/// Body of a creation. Members whose names begin with a line change no answer here and are not kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateJson {
    vectors: Option<VectorsJson>,
    hnsw_config: Option<HnswJson>,
    sparse_vectors: Option<BTreeMap<String, Value>>,
    #[serde(rename = "shard_number")]
    _shard_number: Option<IgnoredAny>,
    sharding_method: Option<String>,
    #[serde(rename = "replication_factor")]
    _replication_factor: Option<IgnoredAny>,
    #[serde(rename = "write_consistency_factor")]
    _write_consistency_factor: Option<IgnoredAny>,
    #[serde(rename = "on_disk_payload")]
    _on_disk_payload: Option<IgnoredAny>,
    #[serde(rename = "optimizers_config")]
    _optimizers_config: Option<IgnoredAny>,
    #[serde(rename = "wal_config")]
    _wal_config: Option<IgnoredAny>,
    #[serde(rename = "quantization_config")]
    _quantization_config: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "vectors: size and distance, or an object of them by name, is expected; a member of it may be not supported"
)]
enum VectorsJson {
    One(VectorJson),
    Named(BTreeMap<String, VectorJson>),
}

/// Settings of a vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorJson {
    size: usize,
    distance: String,
    hnsw_config: Option<HnswJson>,
    datatype: Option<String>,
    multivector_config: Option<Value>,
    #[serde(rename = "quantization_config")]
    _quantization_config: Option<IgnoredAny>,
    #[serde(rename = "on_disk")]
    _on_disk: Option<IgnoredAny>,
}

/// Settings of a graph.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HnswJson {
    m: Option<usize>,
    ef_construct: Option<usize>,
    #[serde(rename = "full_scan_threshold")]
    _full_scan_threshold: Option<IgnoredAny>,
    #[serde(rename = "max_indexing_threads")]
    _max_indexing_threads: Option<IgnoredAny>,
    #[serde(rename = "on_disk")]
    _on_disk: Option<IgnoredAny>,
    #[serde(rename = "payload_m")]
    _payload_m: Option<IgnoredAny>,
    #[serde(rename = "inline_storage")]
    _inline_storage: Option<IgnoredAny>,
}

impl CreateJson {
    /// The options that it means.
    pub(super) fn read(self) -> ApiResult<Options> {
        if self.sparse_vectors.is_some_and(|sparse| !sparse.is_empty()) {
            return Err(Problem::bad_request("sparse_vectors is not supported"));
        }
        if self.sharding_method.is_some_and(|method| method != "auto") {
            return Err(Problem::bad_request("sharding_method: only auto is supported"));
        }
        let vectors = match self.vectors {
            None => BTreeMap::new(),
            Some(VectorsJson::One(vector)) => BTreeMap::from([(String::new(), vector)]),
            Some(VectorsJson::Named(vectors)) => vectors,
        };
        let graph = self.hnsw_config.unwrap_or_default();
        vectors.into_iter().try_fold(Options::new(), |options, (name, vector)| {
            Ok(options.vector_field(vector.read(&name, graph)?))
        })
    }
}

impl VectorJson {
    fn read(self, name: &str, graph: HnswJson) -> ApiResult<VectorField> {
        let at = if name.is_empty() { "vectors".to_owned() } else { format!("vectors.{name}") };
        let refused =
            |member: &str| Problem::bad_request(format!("{at}.{member} is not supported"));
        let metric = match self.distance.as_str() {
            "Cosine" => Metric::Cosine,
            "Dot" => Metric::Dot,
            "Euclid" => Metric::L2,
            other => return Err(refused(&format!("distance: {other:?}"))),
        };
        if self.multivector_config.is_some_and(|config| !config.is_null()) {
            return Err(refused("multivector_config"));
        }
        if let Some(other) = self.datatype.filter(|datatype| datatype != "float32") {
            return Err(refused(&format!("datatype: {other:?}")));
        }
        let mut field = VectorField::new(names::field(name), self.size, metric);
        let own = self.hnsw_config.unwrap_or_default();
        // Without edges Qdrant has no graph; here the planner decides by the rows.
        if let Some(m) = own.m.or(graph.m).filter(|m| *m > 0) {
            field.m = m;
        }
        if let Some(beam) = own.ef_construct.or(graph.ef_construct) {
            field.ef_construction = beam;
        }
        field.ef_construction = field.ef_construction.max(field.m);
        Ok(field)
    }
}

/// The description of a collection.
pub(super) fn describe(schema: &Schema, points: u64, segments: usize) -> Value {
    let graph = schema.vectors.first();
    let (m, beam) = graph.map_or((16, 100), |field| (field.m, field.ef_construction));
    json!({
        "status": "green",
        "optimizer_status": "ok",
        "points_count": points,
        "indexed_vectors_count": points,
        "segments_count": segments,
        "payload_schema": {},
        "config": {
            "params": {
                "vectors": vectors(schema),
                "shard_number": 1,
                "replication_factor": 1,
                "write_consistency_factor": 1,
                "on_disk_payload": true,
            },
            "hnsw_config": {
                "m": m,
                "ef_construct": beam,
                "full_scan_threshold": schema.graph_min_rows,
                "max_indexing_threads": 0,
                "on_disk": true,
            },
            "optimizer_config": {
                "deleted_threshold": 1.0 / f64::from(lexivec::limits::DEAD_SHARE),
                "vacuum_min_vector_number": 1,
                "default_segment_number": 0,
                "indexing_threshold": schema.graph_min_rows,
                "flush_interval_sec": 1,
            },
            "wal_config": { "wal_capacity_mb": 64, "wal_segments_ahead": 0 },
            "quantization_config": null,
        },
    })
}

fn vectors(schema: &Schema) -> Value {
    let one = |field: &VectorField| {
        let distance = match field.metric {
            Metric::Cosine => "Cosine",
            Metric::Dot => "Dot",
            Metric::L2 => "Euclid",
        };
        json!({ "size": field.dim, "distance": distance })
    };
    match schema.vectors.as_slice() {
        [only] if names::vector_of(&only.name).is_empty() => one(only),
        fields => {
            let named = fields.iter().map(|field| (names::vector_of(&field.name), one(field)));
            Value::Object(named.collect::<Map<String, Value>>())
        }
    }
}
