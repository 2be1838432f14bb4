//! Tests of the folder as a whole: every node type over a small table, random chains against an interpreter, every
//! problem code, and the limits.

mod chains;
mod interpreter;
mod nodes;
mod problems;
mod schemas;
mod support;
