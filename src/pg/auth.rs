//! Who the client is: SCRAM-SHA-256 for passwords, a clear-text exchange for tokens.

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::limits;
use crate::base::{ErrorReport, SqlState, UserFacing};
use crate::tenancy::{Authenticators, Identity, ScramVerifier};

use super::failure::{Failure, violation};
use super::message::{Body, outgoing};
use super::scram::{Exchange, Refusal, SCRAM, SCRAM_PLUS};
use super::socket::Socket;

/// The users that may log in.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The verifier of a user. An unknown user gets one that no password fits, always the same for the same name.
    fn verifier(&self, user: &str) -> ScramVerifier;

    /// Who a user is whose password was checked; `None` for an unknown one.
    fn password_identity(&self, user: &str) -> Option<Identity>;

    /// Whether this login name means that a token comes as the password.
    fn is_token_user(&self, user: &str) -> bool;

    /// Who a token stands for.
    ///
    /// # Errors
    /// `28P01` or `28000` for a token that is not valid.
    async fn token_identity(&self, token: &str) -> Result<Identity, ErrorReport>;
}

#[async_trait]
impl Authenticator for Authenticators {
    fn verifier(&self, user: &str) -> ScramVerifier {
        Self::verifier(self, user)
    }

    fn password_identity(&self, user: &str) -> Option<Identity> {
        Self::password_identity(self, user)
    }

    fn is_token_user(&self, user: &str) -> bool {
        Self::is_token_user(self, user)
    }

    async fn token_identity(&self, token: &str) -> Result<Identity, ErrorReport> {
        Self::token_identity(self, token).await.map_err(|error| {
            tracing::info!(reason = %error.reason(), "a token was refused");
            error.report()
        })
    }
}

/// Where the client comes from, as far as it matters for authentication.
#[derive(Debug, Clone)]
pub struct Peer {
    /// It is on this machine.
    pub loopback: bool,
    /// The hash of the server's certificate when the client may bind to it.
    pub channel_binding: Option<Vec<u8>>,
}

/// Finds out who the client is, and tells it when it has succeeded.
pub async fn authenticate(
    socket: &mut Socket,
    authenticator: &dyn Authenticator,
    user: &str,
    peer: &Peer,
    token_limit_bytes: usize,
) -> Result<Identity, Failure> {
    let identity = if authenticator.is_token_user(user) {
        token(socket, authenticator, peer, token_limit_bytes).await?
    } else {
        password(socket, authenticator, user, peer).await?
    };
    outgoing::authentication_ok(&mut socket.output);
    Ok(identity)
}

async fn token(
    socket: &mut Socket,
    authenticator: &dyn Authenticator,
    peer: &Peer,
    limit_bytes: usize,
) -> Result<Identity, Failure> {
    if !socket.is_encrypted() && !peer.loopback {
        return Err(Failure::Fatal(
            ErrorReport::new(
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                "a token is accepted as password over an encrypted connection only",
            )
            .with_hint("Connect with sslmode=require."),
        ));
    }
    outgoing::authentication_cleartext(&mut socket.output);
    let mut body = Body::new(answer(socket, limit_bytes + 5).await?);
    let token = body.text().and_then(|token| body.end().map(|()| token)).map_err(Failure::Fatal)?;
    authenticator.token_identity(&token).await.map_err(Failure::Fatal)
}

async fn password(
    socket: &mut Socket,
    authenticator: &dyn Authenticator,
    user: &str,
    peer: &Peer,
) -> Result<Identity, Failure> {
    let with_binding = [SCRAM_PLUS, SCRAM];
    let offered = if peer.channel_binding.is_some() { &with_binding[..] } else { &with_binding[1..] };
    outgoing::authentication_sasl(&mut socket.output, offered);
    let (mechanism, first) =
        initial_response(answer(socket, limits::SASL_MESSAGE_BYTES).await?).map_err(Failure::Fatal)?;
    if !offered.contains(&mechanism.as_str()) {
        return Err(Failure::broken("client selected an invalid SASL authentication mechanism"));
    }
    let verifier = authenticator.verifier(user);
    let binding = peer.channel_binding.as_deref();
    let (exchange, challenge) =
        Exchange::begin(&mechanism, &first, &verifier, binding).map_err(|refusal| refused(refusal, user))?;
    outgoing::authentication_sasl_continue(&mut socket.output, &challenge);
    let last = answer(socket, limits::SASL_MESSAGE_BYTES).await?;
    let proof = exchange.finish(&last, &verifier).map_err(|refusal| refused(refusal, user))?;
    let identity = authenticator.password_identity(user).ok_or_else(|| wrong_password(user))?;
    outgoing::authentication_sasl_final(&mut socket.output, &proof);
    Ok(identity)
}

/// Sends the question and waits for the password message.
async fn answer(socket: &mut Socket, limit_bytes: usize) -> Result<Bytes, Failure> {
    socket.flush().await?;
    let frame = socket.frame(limit_bytes).await?;
    match frame.kind {
        b'p' => Ok(frame.body),
        b'X' => Err(Failure::Gone),
        other => Err(Failure::broken(format!("expected password response, got message type {other}"))),
    }
}

fn initial_response(body: Bytes) -> Result<(String, Bytes), ErrorReport> {
    let mut body = Body::new(body);
    let mechanism = body.text()?;
    let length = usize::try_from(body.int32()?).map_err(|_| violation("malformed SCRAM message"))?;
    let first = body.bytes(length)?;
    body.end()?;
    Ok((mechanism, first))
}

fn refused(refusal: Refusal, user: &str) -> Failure {
    match refusal {
        Refusal::Malformed(report) => Failure::Fatal(report),
        Refusal::WrongProof => wrong_password(user),
    }
}

/// The same for a wrong password and for an unknown user.
fn wrong_password(user: &str) -> Failure {
    Failure::Fatal(ErrorReport::new(
        SqlState::INVALID_PASSWORD,
        format!("password authentication failed for user \"{user}\""),
    ))
}
