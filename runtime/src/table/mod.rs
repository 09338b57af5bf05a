//! What an application demands of its callers, as one table.
//!
//! Threat: nobody can say which routes are open, or notices that one became so (ASVS V8.1, CWE-862). Promise: every row is the
//! very policy that is enforced, in the words of the attributes; no word in it can move a terminal, leave its cell or become
//! markup (CWE-79, CWE-150).

#[cfg(test)]
mod tests;
