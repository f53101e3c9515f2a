//! The Model Context Protocol: the tools by which an agent searches and writes, the same over stdio and over HTTP.

mod answers;
mod arguments;
mod cut;
mod http;
mod read;
mod search;
mod stdio;
#[cfg(test)]
mod tests;
mod tools;
mod write;

use std::sync::Arc;

use lexivec_access::{Principal, Verb};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::error::Problem;
use crate::state::State;
pub(crate) use http::answer;
pub use stdio::serve_stdio;
use tools::ToolKind;

/// The text that a client gives to its model before the first call.
const INSTRUCTIONS: &str = "lexivec searches collections of documents by words (BM25), by vectors, or by both. Begin \
    with list_collections; describe_collection shows the fields, the payload paths for filters and the profiles of one. \
    search returns passages, not whole documents: read more of a document by its id with get_documents, a part at a \
    time. A filter is a text such as \"year >= 2020 AND lang IN ('en', 'de')\". If a search finds too little, use fewer \
    or other words, or leave out the filter; did_you_mean corrects words that no document has. With explain, search \
    shows where each score comes from.";

/// Its second part, if documents can be written.
const WRITING: &str = " add_documents writes documents, and replaces those with the same ids; delete_documents removes \
    documents by id. Both are acknowledged once they are stored.";

/// The tools for one caller.
#[derive(Clone)]
struct Tools {
    state: Arc<State>,
    caller: Arc<Principal>,
}

impl Tools {
    /// The tools that the caller may use.
    fn listed(&self) -> impl Iterator<Item = ToolKind> {
        ToolKind::ALL.into_iter().filter(|tool| self.caller.may(tool.verb()).is_ok())
    }

    fn find(&self, name: &str) -> Option<ToolKind> {
        self.listed().find(|tool| tool.name() == name)
    }

    /// The result of a tool that failed: what, where, and what to do now, for the model to read.
    fn failed(&self, problem: &Problem) -> CallToolResult {
        let shown = problem.without(self.state.collections.directory());
        let problem = shown.as_ref().unwrap_or(problem);
        let next = match problem.code {
            "collection_not_found" => ". list_collections gives the names",
            "overloaded" => ". Call the tool again in a second",
            _ => "",
        };
        let text = format!("{}: {}{next}", problem.title, problem.detail);
        CallToolResult::error(vec![ContentBlock::text(text)])
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let mut instructions = INSTRUCTIONS.to_owned();
        if self.caller.may(Verb::Write).is_ok() {
            instructions.push_str(WRITING);
        }
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("lexivec", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.listed().map(|tool| tool.declaration().clone()).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        Some(self.find(name)?.declaration().clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.find(&request.name) else {
            let names: Vec<&str> = self.listed().map(ToolKind::name).collect();
            let detail =
                format!("there is no tool {:?}; the tools are {}", request.name, names.join(", "));
            return Err(ErrorData::invalid_params(detail, None));
        };
        let work = tool.run(self, request.arguments.unwrap_or_default());
        // A write is waited for, as it is not known before its end whether it was done.
        let answer = if tool.verb() == Verb::Write {
            work.await
        } else {
            tokio::select! {
                answer = work => answer,
                () = context.ct.cancelled() => {
                    return Err(ErrorData::internal_error("the call was cancelled", None));
                }
            }
        };
        let result = match answer {
            Ok(value) => CallToolResult::structured(value),
            Err(problem) => self.failed(&problem),
        };
        Ok(result.into())
    }
}
