//! A shard's thread: a runtime of its own, and the loops that drive the shard.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

use super::Shard;
use super::coalescing;
use super::mail::{Arrival, Mail, Settler};
use super::turn::{Inbox, Signal};
use super::turnstile::Turnstile;
use crate::ending::{Ending, Reason};
use crate::hub::Hub;
use crate::listener::mqtts::Host;
use crate::slots::Key;

/// Starts a shard's thread; it ends when `stop` turns true.
pub(crate) fn start(id: u16, hub: Arc<Hub>, stop: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("shard-{id}")).spawn(move || match Builder::new_current_thread()
        .enable_all()
        .on_thread_park(coalescing::before_look)
        .on_thread_unpark(coalescing::after_look)
        .build_local(LocalOptions::default())
    {
        Ok(runtime) => runtime.block_on(run(id, hub, stop)),
        Err(error) => tracing::error!(shard = id, %error, "a shard's runtime cannot be built"),
    })
}

async fn run(id: u16, hub: Arc<Hub>, mut stop: watch::Receiver<bool>) {
    let signal = Rc::new(Signal::default());
    let inbox = Inbox::install(&hub, id, &signal);
    let shard = Rc::new(RefCell::new(Shard::new(id, Arc::clone(&hub), Rc::clone(&signal))));
    shard.borrow_mut().load_sessions();
    let turnstile = Rc::new(Turnstile::default());
    let host = Host { shard: Rc::clone(&shard), turnstile: Rc::clone(&turnstile) };
    let tasks = [
        tokio::task::spawn_local(async move { turnstile.keep().await }),
        tokio::task::spawn_local(turns(Rc::clone(&shard), signal, inbox)),
        tokio::task::spawn_local(letters(host, Arc::clone(&hub))),
        tokio::task::spawn_local(timers(Rc::clone(&shard), hub)),
    ];
    // An error means that the broker is gone, which is the same.
    let _ = stop.wait_for(|stop| *stop).await;
    for task in tasks {
        task.abort();
    }
}

async fn turns(shard: Rc<RefCell<Shard>>, signal: Rc<Signal>, inbox: Rc<Inbox>) {
    loop {
        signal.wait().await;
        guard("a turn", || shard.borrow_mut().end_turn(&inbox));
    }
}

async fn letters(host: Host, hub: Arc<Hub>) {
    let shard = &host.shard;
    let id = usize::from(shard.borrow().id);
    let Some(mailbox) = hub.mailboxes.get(id) else { return };
    let mut letters = Vec::new();
    loop {
        letters.shrink_to(KEPT_LETTERS);
        mailbox.take(&mut letters).await;
        shard.borrow_mut().step();
        let mut opened = letters.drain(..);
        while let Some(mail) = opened.next() {
            if let Some(Mail::Errand(errand)) = opened.as_slice().get(AHEAD) {
                errand.approach();
            }
            guard("a letter", || match mail {
                Mail::Listen(listener, entrance) => {
                    tokio::task::spawn_local(host.clone().listen(listener, *entrance));
                }
                Mail::Knocked(knock) => host.answer(*knock),
                Mail::Arrived(arrival) => arrive(shard, *arrival),
                Mail::Settle(settler) => settle(shard, *settler),
                mail => shard.borrow_mut().open_letter(mail),
            });
        }
    }
}

fn arrive(shard: &Rc<RefCell<Shard>>, arrival: Arrival) {
    let key = shard.borrow_mut().take_in(arrival);
    match key {
        Ok(key) => drive(shard, key),
        Err(error) => tracing::debug!(%error, "a connection was lost on its way to its shard"),
    }
}

fn settle(shard: &Rc<RefCell<Shard>>, settler: Settler) {
    let key = shard.borrow_mut().settle(settler);
    match key {
        Ok(key) => drive(shard, key),
        Err(error) => tracing::debug!(%error, "a connection was lost on its way to its shard"),
    }
}

/// Gives a connection its task: it reads while there is something to read, and ends with the connection.
pub(crate) fn drive(shard: &Rc<RefCell<Shard>>, key: Key) {
    let shard = Rc::clone(shard);
    tokio::task::spawn_local(poll_fn(move |cx| {
        guard("a connection's step", || shard.borrow_mut().poll_connection(key, cx)).unwrap_or_else(|| {
            shard.borrow_mut().end(key, Ending::new(Reason::ServerError, "the server failed"));
            Poll::Ready(())
        })
    }));
}

async fn timers(shard: Rc<RefCell<Shard>>, hub: Arc<Hub>) {
    let mut moved = hub.clock.moved();
    let sooner = shard.borrow().timers.sooner();
    loop {
        moved.mark_unchanged();
        let next = guard("a timer", || shard.borrow_mut().tick()).flatten();
        let wait = next.and_then(|next| hub.clock.real_wait(next));
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait.clamp(Duration::from_millis(1), LOOK)).await,
                // There is no timer, or time stands still.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = sooner.wait() => {}
            changed = moved.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// A mistake that one client's bytes bring to light costs that client its connection, not everybody theirs.
pub(crate) fn guard<T>(what: &str, step: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(step))
        .inspect_err(|_| tracing::error!(what, "panicked; the shard goes on"))
        .ok()
}

/// An errand is told so many letters ahead that its turn comes.
const AHEAD: usize = 8;
/// Room for so many letters is kept.
const KEPT_LETTERS: usize = 256;
/// Timers are looked at this often at least, because the system's clock may be set.
const LOOK: Duration = Duration::from_secs(5);
