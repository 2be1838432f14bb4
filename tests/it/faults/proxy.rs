//! A proxy that stands before a store and makes its connections go wrong.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How connections go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// What either side says is passed on.
    Honest,
    /// Nobody listens.
    Refused,
    /// The listener's queue is full, so that a connection never stands.
    Hanging,
    /// A connection stands, and not a byte comes back.
    Silent,
    /// The first byte comes back late.
    Slow(Duration),
    /// After so many bytes of the store the connection is cut.
    Cut(usize),
    /// What comes back is not the store's protocol.
    Garbage,
    /// The first connection is cut before it says a word; those after it are honest.
    CutFirst,
}

/// A listener before a store.
pub struct Proxy {
    port: u16,
    mood: watch::Sender<Mood>,
    /// The mood that the listener has taken up.
    taken: watch::Receiver<Mood>,
}

impl Proxy {
    /// Stands before a port of the loopback interface, honest at first.
    pub async fn before(port: u16) -> Self {
        let (mood, moods) = watch::channel(Mood::Honest);
        let (tell, taken) = watch::channel(Mood::Honest);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        tokio::spawn(serve(Some(listener), own, port, moods, tell));
        Self { port: own, mood, taken }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the connections that stand, and treats new ones so.
    pub async fn set(&mut self, mood: Mood) {
        self.mood.send(mood).unwrap();
        self.taken.wait_for(|taken| *taken == mood).await.unwrap();
    }
}

async fn serve(
    mut listener: Option<TcpListener>,
    own: u16,
    store: u16,
    mut moods: watch::Receiver<Mood>,
    taken: watch::Sender<Mood>,
) {
    loop {
        let mood = *moods.borrow_and_update();
        // The queue of a listener that is gone is gone with it.
        drop(listener.take());
        match mood {
            Mood::Refused => {
                taken.send_replace(mood);
                if moods.changed().await.is_err() {
                    return;
                }
            }
            Mood::Hanging => {
                let full = Full::new(own).await;
                taken.send_replace(mood);
                let changed = moods.changed().await;
                drop(full);
                if changed.is_err() {
                    return;
                }
            }
            Mood::Honest | Mood::Silent | Mood::Slow(_) | Mood::Cut(_) | Mood::Garbage | Mood::CutFirst => {
                let listening = listen(own, 128).await;
                taken.send_replace(mood);
                if !accept(&listening, store, mood, &mut moods).await {
                    return;
                }
                listener = Some(listening);
            }
        }
    }
}

/// Takes connections until the mood changes, and cuts them then; `false` when there are no more moods.
async fn accept(listener: &TcpListener, store: u16, mood: Mood, moods: &mut watch::Receiver<Mood>) -> bool {
    let mut connections = JoinSet::new();
    let mut is_first = true;
    loop {
        tokio::select! {
            changed = moods.changed() => {
                // None of them may carry another byte once the new mood is said to be taken up.
                connections.shutdown().await;
                return changed.is_ok();
            }
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if std::mem::take(&mut is_first) && mood == Mood::CutFirst {
                    continue;
                }
                connections.spawn(connection(client, store, mood));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn listen(port: u16, queue: u32) -> TcpListener {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for _ in 0..500 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        if socket.bind(address).is_ok()
            && let Ok(listener) = socket.listen(queue)
        {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("port {port} cannot be had again");
}

/// A listener whose queue is full.
struct Full {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    async fn new(port: u16) -> Self {
        let listener = listen(port, 0).await;
        let mut waiting = Vec::new();
        // The queue takes one more than its length says, and on some systems a few more.
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(200), TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await
        {
            waiting.push(stream);
        }
        Self { _listener: listener, _waiting: waiting }
    }
}

async fn connection(client: TcpStream, store: u16, mood: Mood) {
    let (mut from_client, mut to_client) = client.into_split();
    if matches!(mood, Mood::Silent | Mood::Garbage) {
        let mut heard = [0; 4096];
        if mood == Mood::Garbage && matches!(from_client.read(&mut heard).await, Ok(1..)) {
            drop(to_client.write_all(&[0xfe; 512]).await);
        }
        // Whatever is said is heard, until the client gives up.
        while matches!(from_client.read(&mut heard).await, Ok(1..)) {}
        return;
    }
    let Ok(store) = TcpStream::connect((Ipv4Addr::LOCALHOST, store)).await else { return };
    let (mut from_store, mut to_store) = store.into_split();
    let forth = async {
        drop(tokio::io::copy(&mut from_client, &mut to_store).await);
        drop(to_store.shutdown().await);
    };
    let back = async {
        if let Mood::Slow(pause) = mood {
            tokio::time::sleep(pause).await;
        }
        match mood {
            Mood::Cut(bytes) => {
                drop(tokio::io::copy(&mut from_store.take(bytes as u64), &mut to_client).await);
            }
            _ => drop(tokio::io::copy(&mut from_store, &mut to_client).await),
        }
    };
    // The end of what comes back is the end of both.
    tokio::select! {
        () = async { forth.await; std::future::pending::<()>().await } => {}
        () = back => {}
    }
}
