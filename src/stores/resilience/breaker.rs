//! When a store is not even asked.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Whether a store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It is trusted.
    Closed,
    /// It failed several times in a row; statements fail at once.
    Open,
    /// The pause is over; the next statement tries.
    HalfOpen,
}

/// Opens after so many failures in a row. After a pause it lets one statement through; that one decides.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_to_open: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// When the next one may try; `None` while the store is trusted.
    closed_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures_to_open: u32, pause: Duration) -> Self {
        Self { failures_to_open, pause, state: Mutex::default() }
    }

    /// Whether a statement may ask the store.
    ///
    /// # Errors
    /// How long it is until one may try again.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock();
        match state.closed_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // This one tries; the others wait for what becomes of it, or for another pause if it never tells.
                state.closed_until = Some(now + self.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether the store is asked now.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state.lock().closed_until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// The store answered.
    pub(super) fn succeeded(&self) {
        *self.state.lock() = State::default();
    }

    /// The store could not be reached, or broke off.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.failures_to_open {
            state.closed_until = Some(now + self.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try_after_the_pause() {
        let breaker = Breaker::new(3, PAUSE);
        let start = Instant::now();
        breaker.failed(start);
        breaker.failed(start);
        breaker.succeeded();
        breaker.failed(start);
        breaker.failed(start);
        assert_eq!(breaker.admit(start), Ok(()), "a success in between counts");
        assert_eq!(breaker.state(start), BreakerState::Closed);
        breaker.failed(start);
        assert_eq!(breaker.state(start), BreakerState::Open);
        assert_eq!(breaker.state(start + PAUSE), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(start + Duration::from_millis(500)), Err(Duration::from_millis(1500)));

        let later = start + PAUSE;
        assert_eq!(breaker.admit(later), Ok(()));
        assert!(breaker.admit(later).is_err(), "only one tries");
        breaker.failed(later);
        assert!(breaker.admit(later + PAUSE / 2).is_err());
        assert_eq!(breaker.admit(later + PAUSE), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.admit(later + PAUSE), Ok(()));
        assert_eq!(breaker.admit(later + PAUSE), Ok(()));
    }

    #[test]
    fn one_that_never_tells_does_not_keep_it_open() {
        let breaker = Breaker::new(1, PAUSE);
        let start = Instant::now();
        breaker.failed(start);
        assert_eq!(breaker.admit(start + PAUSE), Ok(()));
        assert_eq!(breaker.admit(start + PAUSE + PAUSE), Ok(()));
    }
}
