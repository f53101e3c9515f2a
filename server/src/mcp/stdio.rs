//! The protocol over stdin and stdout, for a client that starts the process.

use std::sync::Arc;

use lexivec::Unopened;
use lexivec_access::{Principal, Role, Scope};
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::io::stdio_pipes;

use super::Tools;
use crate::config::Config;
use crate::error::StartError;
use crate::limits::{DRAIN_DEADLINE, MAX_BLOCKING_THREADS, MAX_TOOL_MESSAGE_BYTES, TOOL_THREADS};
use crate::signalled;
use crate::state::State;

/// Serves the collections of a directory to the one client at stdin and stdout, until stdin ends or the process gets
/// SIGINT or SIGTERM. Without `write` they are opened for reading alone, next to any process that writes, and each call
/// sees the newest writes. `ready` gets the names of the collections, and those that cannot be opened.
///
/// # Errors
/// [`StartError`] if the directory, or every collection in it, cannot be opened.
pub fn serve_stdio(
    config: Config,
    write: bool,
    ready: impl FnOnce(Vec<String>, &[Unopened]),
) -> Result<(), StartError> {
    let role = if write { Role::Writer } else { Role::Reader };
    let state = State::open_for_one(config, write)?;
    ready(state.collections.names(), state.collections.unopened());
    let caller = Arc::new(Principal::new("", role, Scope::everything()));
    let tools = Tools { state: Arc::new(state), caller };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(TOOL_THREADS)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = converse(tools) => ended,
            () = signalled() => Ok(()),
        }
    });
    runtime.shutdown_timeout(DRAIN_DEADLINE);
    ended
}

async fn converse(tools: Tools) -> Result<(), StartError> {
    let (input, output) = stdio_pipes();
    let transport =
        AsyncRwTransport::new_server(input, output).with_max_line_length(MAX_TOOL_MESSAGE_BYTES);
    match tools.serve(transport).await {
        Ok(service) => {
            service.waiting().await.map_err(std::io::Error::other)?;
            Ok(())
        }
        // A client that leaves before it has begun.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(std::io::Error::other(error).into()),
    }
}
