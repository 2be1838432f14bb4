//! Keys of small pieces on their way to large ones, before the rest of a query runs.
//!
//! The turns of the [`KeyPlan`] run one after the other: a piece that gives keys is read, and its rows are kept for the
//! query; a piece that waits is planned anew with the keys in it, and goes the way of every piece: emit, verify, store.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use futures::future::try_join_all;

use crate::base::limits::{self, LimitSet};
use crate::base::{UserFacing, engine_error};
use crate::emit::{EmitError, Emitter};
use crate::route::Piece;
use crate::stores::keys::{Allowance, KeyPlan, Narrowed, NoRows, Transfer, collect, find, narrowed};
use crate::stores::local::PreparedLocal;
use crate::stores::{GivenPieces, PreparedPiece, ReceivedKeys, RunContext, StoreError};

use super::core::Engine;
use super::error::EngineError;
use super::prepare::{PieceStatement, write_piece};

/// The pieces of a query that runs in process, and the keys that go from one to another.
#[derive(Debug)]
pub(super) struct KeyExchange {
    plan: KeyPlan,
    parties: Vec<Party>,
}

/// A piece as it is without keys.
#[derive(Debug)]
struct Party {
    piece: Arc<Piece>,
    prepared: Arc<dyn PreparedPiece>,
    statement_bytes: usize,
}

/// The keys of columns, by piece and column; `None` where they are too many.
type KnownKeys = BTreeMap<(usize, usize), Option<Vec<ScalarValue>>>;

/// A piece after its turn.
struct Turned {
    piece: usize,
    given: Arc<dyn PreparedPiece>,
    keys: KnownKeys,
}

impl KeyExchange {
    /// The keys that are worth sending in a query over these pieces.
    ///
    /// # Errors
    /// When the plan is not one that the engine can walk: a defect.
    pub(super) fn new(
        local: &PreparedLocal,
        statements: &[PieceStatement],
        prepared: &[Arc<dyn PreparedPiece>],
        limits: &LimitSet,
    ) -> Result<Self, EngineError> {
        let pieces: Vec<Arc<Piece>> = statements.iter().map(|statement| Arc::clone(&statement.piece)).collect();
        let plan = find(local.plan(), &pieces, limits.of(limits::JOIN_KEYS))
            .map_err(|error| StoreError::Failed(engine_error::report(&error)))?;
        let parties = statements.iter().zip(prepared).map(|(statement, prepared)| Party {
            piece: Arc::clone(&statement.piece),
            prepared: Arc::clone(prepared),
            statement_bytes: statement.verified.text().len(),
        });
        Ok(Self { plan, parties: parties.collect() })
    }

    /// Which keys go where.
    pub(super) fn transfers(&self) -> &[Transfer] {
        self.plan.transfers()
    }
}

impl Engine {
    /// Runs the pieces whose keys others wait for, and gets those ready. What comes back stands in their places for this
    /// run.
    ///
    /// # Errors
    /// Whatever ends one of the pieces.
    pub(super) async fn exchange_keys(
        &self,
        exchange: &KeyExchange,
        context: &RunContext,
    ) -> Result<GivenPieces, EngineError> {
        let (mut given, mut known) = (GivenPieces::new(), KnownKeys::new());
        for turn in exchange.plan.turns() {
            let parties = turn.iter().filter_map(|piece| exchange.parties.get(*piece));
            let turned = try_join_all(parties.map(|party| self.turn(exchange, party, &known, context))).await?;
            for Turned { piece, given: stands_in, keys } in turned {
                given.insert(piece, stands_in);
                known.extend(keys);
            }
        }
        Ok(given)
    }

    async fn turn(
        &self,
        exchange: &KeyExchange,
        party: &Party,
        known: &KnownKeys,
        context: &RunContext,
    ) -> Result<Turned, EngineError> {
        let piece = party.piece.id;
        let prepared = self.narrowed(exchange, party, known, context)?;
        let columns = exchange.plan.wanted_of(piece);
        if columns.is_empty() {
            return Ok(Turned { piece, given: prepared, keys: KnownKeys::new() });
        }
        let of_its_store = exchange.parties.iter().filter(|other| other.piece.store == party.piece.store).count();
        let allowance = Allowance {
            keys: self.limits().of(limits::JOIN_KEYS),
            bytes: self.limits().of(limits::JOIN_SIDE_BYTES),
            may_wait: of_its_store == 1,
        };
        let collected = collect(&party.piece, prepared, &columns, allowance, context).await?;
        let keys = collected.keys.into_iter().map(|(column, keys)| ((piece, column), keys)).collect();
        Ok(Turned { piece, given: collected.rows, keys })
    }

    /// The piece with the keys in it that are known and can be sent, or as it is.
    fn narrowed(
        &self,
        exchange: &KeyExchange,
        party: &Party,
        known: &KnownKeys,
        context: &RunContext,
    ) -> Result<Arc<dyn PreparedPiece>, EngineError> {
        let mut transfers: Vec<(&Transfer, Option<&[ScalarValue]>)> =
            exchange.plan.to(party.piece.id).map(|transfer| (transfer, keys_for(transfer, known))).collect();
        // The shortest lists first: they leave the fewest rows, and the most room for the others.
        transfers.sort_by_key(|(_, keys)| keys.map_or(usize::MAX, <[ScalarValue]>::len));
        let mut with_keys = WithKeys::None;
        for (transfer, keys) in transfers {
            let is_sent = match keys {
                Some(keys) => self.add_keys(party, &mut with_keys, transfer, keys)?,
                None => false,
            };
            observe(transfer, keys.filter(|_| is_sent).map(<[ScalarValue]>::len), context);
        }
        match with_keys {
            WithKeys::None => Ok(Arc::clone(&party.prepared)),
            WithKeys::Nothing => Ok(Arc::new(NoRows::of(&party.piece))),
            WithKeys::Some(statement) => self.ready_piece(&statement),
        }
    }

    /// Adds the keys of one more transfer, unless the store cannot say the filter or would have to read too long a
    /// statement. Whether they count.
    fn add_keys(
        &self,
        party: &Party,
        with_keys: &mut WithKeys,
        transfer: &Transfer,
        keys: &[ScalarValue],
    ) -> Result<bool, EngineError> {
        let piece = match with_keys {
            WithKeys::None => &party.piece,
            WithKeys::Some(statement) => &statement.piece,
            WithKeys::Nothing => return Ok(true),
        };
        let narrowed = narrowed(piece, transfer, keys, &Emitter);
        let piece = match narrowed.map_err(|error| StoreError::Failed(engine_error::report(&error)))? {
            Narrowed::Whole => return Ok(false),
            Narrowed::Nothing => {
                *with_keys = WithKeys::Nothing;
                return Ok(true);
            }
            Narrowed::To(piece) => piece,
        };
        match write_piece(&piece) {
            Ok(statement) if self.is_short_enough(party, &statement) => {
                *with_keys = WithKeys::Some(Box::new(statement));
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(EngineError::Emit(error @ EmitError::Unsupported { .. })) => {
                tracing::debug!(piece = piece.id, reason = %error.message(), "keys cannot be sent");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// A statement that is long without keys has less room for them: stores limit the whole.
    fn is_short_enough(&self, party: &Party, statement: &PieceStatement) -> bool {
        let (bytes, most) = (statement.verified.text().len(), self.limits().of(limits::JOIN_FILTER_BYTES));
        bytes.saturating_sub(party.statement_bytes) <= most && bytes <= most.saturating_mul(2)
    }
}

/// What keys make of a piece.
enum WithKeys {
    /// There are none in it.
    None,
    /// The statement with the filters.
    Some(Box<PieceStatement>),
    /// No row can have one.
    Nothing,
}

fn keys_for<'a>(transfer: &Transfer, known: &'a KnownKeys) -> Option<&'a [ScalarValue]> {
    known.get(&(transfer.from.piece, transfer.from.position))?.as_deref()
}

fn observe(transfer: &Transfer, keys: Option<usize>, context: &RunContext) {
    if let Some(observations) = &context.observations {
        let (from, column) = (transfer.from.piece, transfer.to.name.clone());
        observations.received(transfer.to.piece, ReceivedKeys { from, column, keys });
    }
}
