//! Pitfalls that show on a node which is killed, stopped, frozen or short of memory: one of the test's own.

mod alarms;
mod endings;
