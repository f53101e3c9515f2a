//! README and the guide in `docs/`, whose Rust programs are tested with the crate's own documentation.

macro_rules! page {
    ($name:ident, $path:literal) => {
        #[doc = include_str!($path)]
        mod $name {}
    };
}

page!(readme, "../../README.md");
page!(access, "../../docs/access.md");
page!(benchmarks, "../../docs/benchmarks.md");
page!(cli, "../../docs/cli.md");
page!(concepts, "../../docs/concepts.md");
page!(dependencies, "../../docs/dependencies.md");
page!(filters, "../../docs/filters.md");
page!(http, "../../docs/http.md");
page!(ingestion, "../../docs/ingestion.md");
page!(installing, "../../docs/installing.md");
page!(mcp, "../../docs/mcp.md");
page!(models, "../../docs/models.md");
page!(operations, "../../docs/operations.md");
page!(python, "../../docs/python.md");
page!(qdrant, "../../docs/qdrant.md");
page!(ranking, "../../docs/ranking.md");
page!(tutorial_python, "../../docs/tutorial-python.md");
page!(ui, "../../docs/ui.md");
