//! The `lexivec` command.
fn main() {}
