//! A password verifier in PostgreSQL's text form.
//!
//! Source of the form: `pg_authid.rolpassword` of PostgreSQL 15. The cryptography lives in `tenancy`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a SHA-256 digest.
const DIGEST_BYTES: usize = 32;
/// RFC 7677 asks for 4096; fewer make guessing cheap, far more make every login a way to keep the server busy.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;
/// A salt longer than this serves nothing.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;

/// What the server keeps instead of a password (RFC 5802, RFC 7677).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Different for every user.
    pub salt: Vec<u8>,
    /// SHA-256 of the client's key.
    pub stored_key: [u8; DIGEST_BYTES],
    /// The key with which the server proves itself.
    pub server_key: [u8; DIGEST_BYTES],
}

/// A verifier that does not read `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad verifier: {0}; make one with \"flowforge hash-password\"")]
pub struct InvalidVerifier(&'static str);

impl FromStr for ScramVerifier {
    type Err = InvalidVerifier;

    fn from_str(text: &str) -> Result<Self, InvalidVerifier> {
        let parts = text.strip_prefix("SCRAM-SHA-256$").ok_or(InvalidVerifier("it must begin with SCRAM-SHA-256$"))?;
        let (first, second) = parts.split_once('$').ok_or(InvalidVerifier("the keys are missing"))?;
        let (iterations, salt) = first.split_once(':').ok_or(InvalidVerifier("the salt is missing"))?;
        let (stored_key, server_key) = second.split_once(':').ok_or(InvalidVerifier("the server key is missing"))?;
        let iterations = iterations.parse().map_err(|_| InvalidVerifier("the iterations are not a number"))?;
        if !ITERATIONS.contains(&iterations) {
            return Err(InvalidVerifier("the iterations must be from 4096 to 1000000"));
        }
        let salt = STANDARD.decode(salt).map_err(|_| InvalidVerifier("the salt is not base64"))?;
        if !SALT_BYTES.contains(&salt.len()) {
            return Err(InvalidVerifier("the salt must have 8 to 64 bytes"));
        }
        Ok(Self { iterations, salt, stored_key: key(stored_key)?, server_key: key(server_key)? })
    }
}

fn key(text: &str) -> Result<[u8; DIGEST_BYTES], InvalidVerifier> {
    let bytes = STANDARD.decode(text).map_err(|_| InvalidVerifier("a key is not base64"))?;
    bytes.try_into().map_err(|_| InvalidVerifier("a key does not have 32 bytes"))
}

impl fmt::Display for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, stored, server) =
            (STANDARD.encode(&self.salt), STANDARD.encode(self.stored_key), STANDARD.encode(self.server_key));
        write!(f, "SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramVerifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by PostgreSQL 15.18 with `CREATE ROLE a PASSWORD 'pencil'`.
    const REAL: &str = "SCRAM-SHA-256$4096:wC3o4ByD9Ni2khHzWUDOqw==$\
                        m06bVydAm8Rz13T2plFBKUoxRi/CPLwX8doJzVfyTRY=:rWarQZKDjlnNjrfcBBMR6+/5hV9foBbBJKxG0pybHyo=";

    #[test]
    fn a_verifier_of_postgresql_reads_and_writes_back() {
        let verifier: ScramVerifier = REAL.parse().unwrap();
        assert_eq!(verifier.iterations, 4096);
        assert_eq!(verifier.salt.len(), 16);
        assert_eq!(verifier.to_string(), REAL);
        assert!(!format!("{verifier:?}").contains("m06b"));
    }

    #[test]
    fn what_is_not_one_is_refused_with_the_reason() {
        let bad = [
            ("", "begin with"),
            ("md5abcdef", "begin with"),
            ("SCRAM-SHA-256$4096:abcd", "keys are missing"),
            (&REAL.replace("4096", "1"), "iterations must be"),
            (&REAL.replace("4096", "-4096"), "not a number"),
            (&REAL.replace("wC3o4ByD9Ni2khHzWUDOqw==", "wC3o"), "salt must have"),
            (&REAL.replace("TRY=:", "TRY:"), "not base64"),
            (&REAL[..REAL.len() - 4], "32 bytes"),
        ];
        for (text, reason) in bad {
            let error = text.parse::<ScramVerifier>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
