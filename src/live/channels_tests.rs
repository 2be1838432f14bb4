//! Tests of channels: recovery is complete or says that it is not.

use proptest::prelude::*;

use super::*;
use crate::live::metrics::Metrics;
use crate::live::outbox::Next;

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn outbox() -> Arc<Outbox> {
    Arc::new(Outbox::new(&LimitSet::default(), Metrics::default()))
}

fn messages(outbox: &Outbox) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some(Next::Text(text)) = futures::FutureExt::now_or_never(outbox.next()) {
        found.push(serde_json::from_str(&text).unwrap());
    }
    found
}

fn publish(channels: &Channels, number: u64) -> u64 {
    channels.publish(&tenant(), &Channel::General, &ChannelMessage::LiveData { data: number.into() })
}

fn since(epoch: &str, offset: u64) -> Since {
    Since { epoch: epoch.to_owned(), offset }
}

#[test]
fn a_tenant_hears_its_own_channel_only() {
    let channels = Channels::new(&LimitSet::default());
    let (ours, theirs) = (outbox(), outbox());
    channels.subscribe(&tenant(), &Channel::General, 1, &ours, None);
    channels.subscribe(&TenantId::new("globex").unwrap(), &Channel::General, 2, &theirs, None);
    publish(&channels, 7);
    assert_eq!(messages(&ours).len(), 2);
    assert_eq!(messages(&theirs).len(), 1);
    channels.leave(&tenant(), &Channel::General, 1);
    publish(&channels, 8);
    assert!(messages(&ours).is_empty());
}

#[test]
fn the_epoch_of_the_connection_and_offset_zero_mean_from_the_beginning() {
    let channels = Channels::new(&LimitSet::default());
    let epoch = channels.epoch();
    publish(&channels, 1);
    let ours = outbox();
    channels.subscribe(&tenant(), &Channel::General, 1, &ours, Some(&since(&epoch, 0)));
    let found = messages(&ours);
    assert_eq!(found[0]["recovered"], true);
    assert_eq!(found[0]["offset"], 1);
    assert_eq!(found[1]["offset"], 1);
    assert_eq!(found[1]["type"], "live_data");
}

#[test]
fn a_closed_channel_goes_on_counting_where_it_was() {
    let channels = Channels::new(&LimitSet::default());
    let epoch = channels.epoch();
    publish(&channels, 1);
    publish(&channels, 2);
    channels.sweep_older_than(Duration::ZERO);
    assert!(channels.inner.state.lock().channels.is_empty());
    let ours = outbox();
    channels.subscribe(&tenant(), &Channel::General, 1, &ours, Some(&since(&epoch, 1)));
    channels.subscribe(&tenant(), &Channel::General, 1, &ours, Some(&since(&epoch, 2)));
    let found = messages(&ours);
    assert_eq!((&found[0]["recovered"], &found[0]["offset"]), (&false.into(), &2.into()));
    assert_eq!(found[1]["recovered"], true);
    assert_eq!(publish(&channels, 3), 3);
}

/// Whether a client that comes back after so many messages is given the rest of three.
fn recovers(limit: (&str, usize), offset: u64) -> bool {
    let mut limits = LimitSet::default();
    limits.set(limit.0, limit.1).unwrap();
    let channels = Channels::new(&limits);
    for number in 1..=3 {
        publish(&channels, number);
    }
    channels.sweep();
    let ours = outbox();
    channels.subscribe(&tenant(), &Channel::General, 1, &ours, Some(&since(&channels.epoch(), offset)));
    messages(&ours)[0]["recovered"] == true
}

#[test]
fn what_is_past_a_limit_of_the_history_is_forgotten() {
    assert!(recovers(("channel_history_messages", 2), 1));
    assert!(!recovers(("channel_history_messages", 2), 0));
    let bytes = numbered(&Channel::General, &ChannelMessage::LiveData { data: 1.into() }, 1).len();
    assert!(recovers(("channel_history_bytes", 3 * bytes), 0));
    assert!(!recovers(("channel_history_bytes", 3 * bytes - 1), 0));
    assert!(recovers(("channel_history_seconds", 1), 0));
    assert!(!recovers(("channel_history_seconds", 0), 0));
}

#[test]
fn too_many_closed_channels_begin_a_new_epoch() {
    let mut limits = LimitSet::default();
    limits.set("retired_channels", 1).unwrap();
    let channels = Channels::new(&limits);
    let epoch = channels.epoch();
    for id in ["a", "b"] {
        let message = ChannelMessage::LiveData { data: Value::Null };
        channels.publish(&tenant(), &Channel::Widget(id.to_owned()), &message);
    }
    channels.sweep_older_than(Duration::ZERO);
    assert_ne!(channels.epoch(), epoch);
    let ours = outbox();
    channels.subscribe(&tenant(), &Channel::Widget("a".to_owned()), 1, &ours, Some(&since(&epoch, 0)));
    assert_eq!(messages(&ours)[0]["recovered"], false);
}

proptest! {
    /// Whatever happened meanwhile: a client that is told `recovered` has every message exactly once.
    #[test]
    fn recovery_is_complete_or_says_that_it_is_not(
        before in 0_u64..20, missed in 0_u64..20, history in 1_usize..10, sweep in any::<bool>(), wrong in 0_u64..3,
    ) {
        let mut limits = LimitSet::default();
        limits.set("channel_history_messages", history).unwrap();
        let channels = Channels::new(&limits);
        let first = outbox();
        channels.subscribe(&tenant(), &Channel::General, 1, &first, None);
        for number in 0..before {
            publish(&channels, number);
        }
        let epoch = messages(&first)[0]["epoch"].as_str().unwrap().to_owned();
        channels.leave(&tenant(), &Channel::General, 1);
        for number in 0..missed {
            publish(&channels, number);
        }
        if sweep {
            channels.sweep_older_than(Duration::ZERO);
        }
        let again = outbox();
        channels.subscribe(&tenant(), &Channel::General, 2, &again, Some(&since(&epoch, before + wrong)));
        let found = messages(&again);
        let offsets: Vec<u64> = found[1..].iter().map(|message| message["offset"].as_u64().unwrap()).collect();
        if found[0]["recovered"] == true {
            prop_assert_eq!(offsets, (before + wrong + 1..=before + missed).collect::<Vec<_>>());
        } else {
            prop_assert!(offsets.is_empty());
            prop_assert!(wrong > missed || (sweep && missed > wrong) || missed - wrong > history as u64);
        }
    }
}
