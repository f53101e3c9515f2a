//! The audit log: appended to, verified, read and exported.

mod chain;
mod entry;
mod log;
mod read;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::Fault;
pub use entry::{Entry, MAX_DESCRIPTION_CHARS, MAX_MEMBER_CHARS, MAX_USER_AGENT_CHARS, Severity};
pub use log::AuditLog;
pub use read::{
    AuditFilter, AuditFormat, AuditPage, AuditReader, DEFAULT_AUDIT_PAGE, MAX_AUDIT_PAGE,
};
pub use verify::{Report, verify_audit};
