//! A small catalog for the tests of this folder.
