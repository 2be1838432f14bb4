//! The formula language: grammar, types, and the plan expression it stands for. (Issue 4.)
