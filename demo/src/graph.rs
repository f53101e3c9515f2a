//! A knowledge graph of a course, and answers of prerequisites.

use serde::Serialize;

use crate::id::Id;
use crate::source::{Draw, Source};
use crate::words::subjects::SUBJECTS;

/// Fewest and most concepts of a module.
const CONCEPTS: (u32, u32) = (4, 6);
const LEVELS: [&str; 3] = ["beginner", "intermediate", "advanced"];

/// A knowledge graph.
#[derive(Clone, Debug, Serialize)]
pub struct KnowledgeGraph {
    /// Identifier.
    pub graph_id: Id,
    /// Title of the course.
    pub course_title: String,
    /// A node for each module, and 4 to 6 for its concepts.
    pub nodes: Vec<Node>,
    /// Edges: a module contains its concepts, and each concept is needed for the next one.
    pub edges: Vec<Edge>,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
}

/// A node.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Number from 1.
    pub id: u32,
    /// Name of the module or concept.
    pub concept_name: String,
    /// Description.
    pub description: String,
    /// `beginner`, `intermediate` or `advanced`.
    pub difficulty_level: &'static str,
    /// Materials: 3 to 10 of a module, 1 to 5 of a concept.
    pub resources_count: u32,
}

/// An edge.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Edge {
    /// Number of the node at its start.
    pub from_node: u32,
    /// Number of the node at its end.
    pub to_node: u32,
    /// `contains` or `prerequisite`.
    pub relationship_type: &'static str,
    /// Strength: 0.7 to 1.0 of the first kind, 0.6 to 0.9 of the second, in hundredths.
    pub strength: f64,
}

/// The knowledge graph of a course with a title and modules.
#[must_use]
pub fn knowledge_graph(title: &str, modules: &[String], source: Source) -> KnowledgeGraph {
    let mut draw = source.draw("knowledge graph", 0);
    let mut graph = KnowledgeGraph {
        graph_id: draw.id(),
        course_title: title.to_owned(),
        nodes: Vec::new(),
        edges: Vec::new(),
        generated_by: "lexivec demo knowledge graph",
        is_demo: true,
    };
    for module in modules {
        add(module, &mut graph, &mut draw);
    }
    graph
}

/// Adds a module with its concepts.
fn add(module: &str, graph: &mut KnowledgeGraph, draw: &mut Draw) {
    let own = graph.nodes.len() as u32 + 1;
    graph.nodes.push(Node {
        id: own,
        concept_name: module.to_owned(),
        description: format!("Main concepts of {module}"),
        difficulty_level: draw.pick(&LEVELS),
        resources_count: draw.between(3, 10),
    });
    let subject = draw.choose(&SUBJECTS);
    let count = draw.between(CONCEPTS.0, CONCEPTS.1);
    for (id, concept) in (own + 1..).zip(draw.sample(&subject.concepts, count)) {
        graph.nodes.push(Node {
            id,
            concept_name: concept.to_owned(),
            description: format!("{concept}, as {module} uses it"),
            difficulty_level: draw.pick(&LEVELS),
            resources_count: draw.between(1, 5),
        });
        let strength = draw.hundredths(70, 100);
        let edge = Edge { from_node: own, to_node: id, relationship_type: "contains", strength };
        graph.edges.push(edge);
    }
    for id in own + 1..own + count {
        graph.edges.push(Edge {
            from_node: id,
            to_node: id + 1,
            relationship_type: "prerequisite",
            strength: draw.hundredths(60, 90),
        });
    }
}

/// An answer about a concept.
#[derive(Clone, Debug, Serialize)]
pub struct GraphAnswer {
    /// The concept.
    pub concept: String,
    /// Type of the question.
    pub query_type: String,
    /// Concepts to learn before, 2 to 4, if that was the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prerequisites: Option<Vec<Prerequisite>>,
    /// An empty list for other questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<Prerequisite>>,
    /// Name of the generator.
    pub generated_by: &'static str,
    /// Always true.
    pub is_demo: bool,
    /// `limited`, for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_level: Option<&'static str>,
    /// True, for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_data: Option<bool>,
}

/// A concept to learn before another.
#[derive(Clone, Debug, Serialize)]
pub struct Prerequisite {
    /// Name.
    pub concept_name: &'static str,
    /// Reason.
    pub reason: String,
    /// `required`, `recommended` or `optional`.
    pub importance: &'static str,
    /// Hours, 2 to 10.
    pub estimated_study_time_hours: u32,
}

/// The answer to a question about a concept. Guests may ask for `prerequisites` and `related_concepts`; another question
/// of theirs is taken for the first of these.
#[must_use]
pub fn query_knowledge_graph(
    concept: &str,
    query_type: &str,
    guest: bool,
    source: Source,
) -> GraphAnswer {
    let mut draw = source.draw("graph answer", 0);
    let open_to_guests = ["prerequisites", "related_concepts"].contains(&query_type);
    let query_type = if guest && !open_to_guests { "prerequisites" } else { query_type };
    let is_known = query_type == "prerequisites";
    let prerequisites = is_known.then(|| {
        let subject = draw.choose(&SUBJECTS);
        let count = draw.between(2, 4);
        let before = draw.sample(&subject.concepts, count);
        before.into_iter().map(|name| prerequisite(name, concept, &mut draw)).collect()
    });
    GraphAnswer {
        concept: concept.to_owned(),
        query_type: query_type.to_owned(),
        prerequisites,
        results: (!is_known).then(Vec::new),
        generated_by: "lexivec demo knowledge graph",
        is_demo: true,
        access_level: guest.then_some("limited"),
        sample_data: guest.then_some(true),
    }
}

fn prerequisite(concept_name: &'static str, concept: &str, draw: &mut Draw) -> Prerequisite {
    Prerequisite {
        concept_name,
        reason: format!("{concept} builds on {concept_name}"),
        importance: draw.pick(&["required", "recommended", "optional"]),
        estimated_study_time_hours: draw.between(2, 10),
    }
}
