//! Tests of the folder as a whole: every node type over a small table, random chains against an interpreter, every
//! problem code, and the limits.

mod chains;
mod combine;
mod garbage;
mod interpreter;
mod nodes;
mod problems;
mod protocol;
mod schemas;
mod support;
