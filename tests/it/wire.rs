//! Wire scripts: frontend messages in, exact backend messages out.
