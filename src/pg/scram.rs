//! The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) from a stored verifier.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};
use crate::tenancy::ScramVerifier;

use super::failure::violation;

/// The mechanism without channel binding.
pub const SCRAM: &str = "SCRAM-SHA-256";
/// The mechanism with channel binding.
pub const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Random bytes in the server's half of the nonce, as in PostgreSQL.
const NONCE_BYTES: usize = 18;

/// Why an exchange ended early.
#[derive(Debug)]
pub enum Refusal {
    /// The client does not speak the mechanism properly.
    Malformed(ErrorReport),
    /// The proof does not fit the verifier.
    WrongProof,
}

/// An exchange after the server's first message.
#[derive(Debug)]
pub struct Exchange {
    /// What the client must repeat in `c=`.
    binding: Vec<u8>,
    nonce: String,
    client_first_bare: String,
    server_first: String,
}

/// The parts of the client's first message.
struct ClientFirst<'a> {
    /// `n,,` or the like: everything before the bare message.
    header: &'a str,
    bare: &'a str,
    nonce: &'a str,
    bound: bool,
}

impl Exchange {
    /// Answers the client's first message; gives the exchange and the server's first message. `certificate` is the hash
    /// of the server's certificate when channel binding was offered.
    pub fn begin(
        mechanism: &str,
        client_first: &[u8],
        verifier: &ScramVerifier,
        certificate: Option<&[u8]>,
    ) -> Result<(Self, String), Refusal> {
        let random: [u8; NONCE_BYTES] = rand::random();
        Self::begin_with(mechanism, client_first, verifier, certificate, &STANDARD.encode(random))
    }

    fn begin_with(
        mechanism: &str,
        client_first: &[u8],
        verifier: &ScramVerifier,
        certificate: Option<&[u8]>,
        server_nonce: &str,
    ) -> Result<(Self, String), Refusal> {
        let text = std::str::from_utf8(client_first).map_err(|_| malformed("The message is not UTF-8."))?;
        let first = client_first_message(text, certificate.is_some())?;
        if first.bound != (mechanism == SCRAM_PLUS) {
            return Err(malformed("The mechanism and the channel binding of the message do not go together."));
        }
        let mut binding = first.header.as_bytes().to_vec();
        if let (true, Some(hash)) = (first.bound, certificate) {
            binding.extend_from_slice(hash);
        }
        let nonce = format!("{}{server_nonce}", first.nonce);
        let server_first = format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let exchange =
            Self { binding, nonce, client_first_bare: first.bare.to_owned(), server_first: server_first.clone() };
        Ok((exchange, server_first))
    }

    /// Checks the client's proof; gives the server's last message.
    pub fn finish(self, client_final: &[u8], verifier: &ScramVerifier) -> Result<String, Refusal> {
        let text = std::str::from_utf8(client_final).map_err(|_| malformed("The message is not UTF-8."))?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or_else(|| malformed("The message has no proof."))?;
        let mut attributes = without_proof.split(',');
        let binding = attribute(attributes.next(), "c=")?;
        let nonce = attribute(attributes.next(), "r=")?;
        if STANDARD.decode(binding).ok().as_deref() != Some(self.binding.as_slice()) {
            return Err(Refusal::Malformed(ErrorReport::new(
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                "SCRAM channel binding check failed",
            )));
        }
        if nonce != self.nonce {
            return Err(malformed("The nonce does not match."));
        }
        let proof: [u8; 32] = STANDARD
            .decode(proof)
            .ok()
            .and_then(|proof| proof.try_into().ok())
            .ok_or_else(|| malformed("The proof has the wrong length or encoding."))?;
        let message = format!("{},{},{without_proof}", self.client_first_bare, self.server_first);
        check_proof(&proof, &message, verifier)?;
        let signature = sign(&verifier.server_key, message.as_bytes())?;
        Ok(format!("v={}", STANDARD.encode(signature)))
    }
}

fn check_proof(proof: &[u8; 32], message: &str, verifier: &ScramVerifier) -> Result<(), Refusal> {
    let mut client_key = sign(&verifier.stored_key, message.as_bytes())?;
    for (byte, proof_byte) in client_key.iter_mut().zip(proof) {
        *byte ^= proof_byte;
    }
    let stored_key: [u8; 32] = Sha256::digest(client_key).into();
    if bool::from(stored_key.ct_eq(&verifier.stored_key)) { Ok(()) } else { Err(Refusal::WrongProof) }
}

fn sign(key: &[u8], message: &[u8]) -> Result<[u8; 32], Refusal> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).map_err(|error| Refusal::Malformed(InternalError::new(error).report()))?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().into())
}

fn client_first_message(text: &str, binding_offered: bool) -> Result<ClientFirst<'_>, Refusal> {
    let mut parts = text.splitn(3, ',');
    let flag = parts.next().unwrap_or_default();
    let authorization = parts.next().ok_or_else(|| malformed("The message has no authorization identity."))?;
    let bare = parts.next().ok_or_else(|| malformed("The message has no user name."))?;
    let bound = binding_flag(flag, binding_offered)?;
    if !authorization.is_empty() {
        return Err(unsupported("client uses authorization identity, but it is not supported"));
    }
    if bare.starts_with("m=") {
        return Err(unsupported("client requires an unsupported SCRAM extension"));
    }
    let mut attributes = bare.split(',');
    // The name in here is ignored, as in PostgreSQL: the startup message says who it is.
    attribute(attributes.next(), "n=")?;
    let nonce = attribute(attributes.next(), "r=")?;
    if nonce.is_empty() || !nonce.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
        return Err(malformed("The nonce has characters that are not printable."));
    }
    let header = &text[..text.len() - bare.len()];
    Ok(ClientFirst { header, bare, nonce, bound })
}

/// Whether the client binds to the channel; a client that could and believes that the server cannot was lied to.
fn binding_flag(flag: &str, offered: bool) -> Result<bool, Refusal> {
    match flag {
        "n" => Ok(false),
        "y" if offered => Err(Refusal::Malformed(
            ErrorReport::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "SCRAM channel binding negotiation error")
                .with_detail(
                    "The client supports SCRAM channel binding but thinks the server does not.  \
                 However, this server does support channel binding.",
                ),
        )),
        "y" => Ok(false),
        "p=tls-server-end-point" if offered => Ok(true),
        _ => Err(malformed("The channel binding is not one that was offered.")),
    }
}

fn attribute<'a>(part: Option<&'a str>, name: &str) -> Result<&'a str, Refusal> {
    part.and_then(|part| part.strip_prefix(name))
        .ok_or_else(|| malformed(format!("Expected attribute \"{}\".", name.trim_end_matches('='))))
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::Malformed(violation("malformed SCRAM message").with_detail(detail))
}

fn unsupported(message: &str) -> Refusal {
    Refusal::Malformed(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3: user `user`, password `pencil`.
    const CLIENT_FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const CLIENT_FINAL: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn pencil() -> ScramVerifier {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(b"pencil", &salt, 4096);
        let client_key = sign(&salted, b"Client Key").unwrap();
        ScramVerifier {
            iterations: 4096,
            salt,
            stored_key: Sha256::digest(client_key).into(),
            server_key: sign(&salted, b"Server Key").unwrap(),
        }
    }

    #[test]
    fn the_example_of_the_rfc_passes() {
        let verifier = pencil();
        let (exchange, first) = Exchange::begin_with(SCRAM, CLIENT_FIRST, &verifier, None, SERVER_NONCE).unwrap();
        assert_eq!(first, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let last = exchange.finish(CLIENT_FINAL, &verifier).unwrap();
        assert_eq!(last, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_proof_for_another_verifier_is_refused() {
        let mut other = pencil();
        other.stored_key[0] ^= 1;
        let (exchange, _) = Exchange::begin_with(SCRAM, CLIENT_FIRST, &other, None, SERVER_NONCE).unwrap();
        assert!(matches!(exchange.finish(CLIENT_FINAL, &other), Err(Refusal::WrongProof)));
    }

    #[test]
    fn a_downgrade_is_noticed() {
        let begin = |mechanism, first: &[u8], certificate| {
            Exchange::begin(mechanism, first, &pencil(), certificate).map(|_| ()).is_ok()
        };
        assert!(begin(SCRAM, b"y,,n=,r=abc", None));
        assert!(!begin(SCRAM, b"y,,n=,r=abc", Some(&b"hash"[..])));
        assert!(begin(SCRAM_PLUS, b"p=tls-server-end-point,,n=,r=abc", Some(&b"hash"[..])));
        assert!(!begin(SCRAM, b"p=tls-server-end-point,,n=,r=abc", Some(&b"hash"[..])));
        assert!(!begin(SCRAM_PLUS, b"n,,n=,r=abc", Some(&b"hash"[..])));
        assert!(!begin(SCRAM, b"p=tls-unique,,n=,r=abc", None));
        assert!(!begin(SCRAM, b"n,a=admin,n=,r=abc", None));
        assert!(!begin(SCRAM, b"n,,m=ext,n=,r=abc", None));
        assert!(!begin(SCRAM, b"garbage", None));
        assert!(!begin(SCRAM, b"", None));
    }
}
