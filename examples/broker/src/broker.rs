//! All Sessions, the routing of messages, and Wills.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_wire::will::{Ending, WillFate, WillTerms};
use mqtt_wire::{
    ConnAck, Connect, Delivery, QoS, ReasonCode, RetainHandling, Subscription, SubscriptionId,
    TopicFilter,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tracing::info;

use crate::ids;
use crate::log::Quoted;
use crate::message::{Fanout, Message, Queued};
use crate::retained::{Full, Retained};
use crate::router::{Router, SessionId, Subscribed};
use crate::session::{Next, Session};
use crate::settings::Settings;

/// The connections above the limit that are refused with an answer. Still more are only closed.
const REFUSALS: usize = 64;

/// The state that all connections share.
#[derive(Debug)]
pub struct Broker {
    pub(crate) settings: Settings,
    slots: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    clients: HashMap<Arc<str>, SessionId>,
    sessions: HashMap<SessionId, Client>,
    router: Router,
    retained: Retained,
    last_session: SessionId,
    last_connection: u64,
    /// Lines that are printed as soon as nobody holds the state.
    log: Vec<String>,
}

/// A client that is connected, or has a Session that outlives its connection.
#[derive(Debug)]
struct Client {
    session: Session,
    expiry_interval: u32,
    will: Option<KeptWill>,
    /// The number of its current or last connection.
    connection: u64,
    presence: Presence,
}

#[derive(Debug)]
enum Presence {
    /// Wakes its connection when there is something to send.
    Connected(Arc<Notify>),
    /// The task that ends its Session and publishes its Will.
    Away(Option<AbortHandle>),
}

#[derive(Debug)]
struct KeptWill {
    message: Message,
    terms: WillTerms,
}

/// The place of a connection within the limits. It is free again when this is dropped.
#[derive(Debug)]
pub enum Slot {
    Client(#[expect(dead_code, reason = "held until the connection ends")] OwnedSemaphorePermit),
    /// Only for an answer that refuses the client.
    Refusal(#[expect(dead_code, reason = "held until the answer is sent")] OwnedSemaphorePermit),
}

/// The handle of a connection to its Session. All functions that need it return `None` if another
/// connection has taken over.
#[derive(Debug, Clone)]
pub struct Link {
    pub client_id: Arc<str>,
    session: SessionId,
    connection: u64,
    /// Notified when there may be something to send, or another connection takes over.
    pub wake: Arc<Notify>,
}

impl Broker {
    /// A broker without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(settings.max_connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            state: Mutex::new(State {
                clients: HashMap::new(),
                sessions: HashMap::new(),
                router: Router::default(),
                retained: Retained::new(settings.max_retained, settings.max_retained_bytes),
                last_session: SessionId(0),
                last_connection: 0,
                log: Vec::new(),
                settings: settings.clone(),
            }),
            settings,
        }
    }

    /// Calls a function with the state, and then prints the lines that it has logged.
    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (value, lines) = {
            let state = self.state.lock();
            let mut state = state.expect("nothing panics while it holds the state");
            (act(&mut state), mem::take(&mut state.log))
        };
        lines.iter().for_each(|line| info!("{line}"));
        value
    }

    /// A place for another connection.
    pub(crate) fn slot(&self) -> Option<Slot> {
        let slot = self.slots.clone().try_acquire_owned();
        slot.map(Slot::Client).ok().or_else(|| {
            let refusal = self.refusals.clone().try_acquire_owned();
            refusal.map(Slot::Refusal).ok()
        })
    }

    /// Accepts a client and closes its other connection. The second value is Session Present.
    pub(crate) fn connect(&self, connect: &Connect<'_>) -> Result<(Link, bool), ReasonCode> {
        self.locked(|state| state.connect(connect))
    }

    /// Handles the end of a connection.
    pub(crate) fn disconnect(self: &Arc<Self>, link: &Link, ending: Ending) {
        self.locked(|state| {
            let Some((will_delay, expiry_interval)) = state.disconnect(link, ending) else {
                return;
            };
            let wait = self.clone().wait(link.clone(), will_delay, expiry_interval);
            if let Some(client) = state.client(link) {
                client.presence = Presence::Away(Some(tokio::spawn(wait).abort_handle()));
            }
        });
    }

    /// Publishes the Will of a client and ends its Session when they are due.
    async fn wait(self: Arc<Self>, link: Link, will_delay: Option<Duration>, expiry_interval: u32) {
        let now = Instant::now();
        if let Some(delay) = will_delay {
            sleep_until(now + delay).await;
            self.locked(|state| state.publish_waiting_will(&link));
        }
        if expiry_interval != u32::MAX {
            sleep_until(now + Duration::from_secs(expiry_interval.into())).await;
            self.locked(|state| {
                if state.is_away(&link) {
                    state.end_session(link.session);
                }
            });
        }
    }

    /// Passes a message to all its subscribers. Returns whether there are any.
    ///
    /// A message that cannot be retained is refused if the publisher can learn about it, and is
    /// otherwise passed on without being retained.
    pub(crate) fn publish(&self, message: Message, can_refuse: bool) -> Result<bool, Full> {
        self.locked(|state| match state.retain(&message) {
            Err(Full) if can_refuse => Err(Full),
            _ => Ok(state.route(message)),
        })
    }

    /// Calls a function with the Session of a connection.
    pub(crate) fn with_session<T>(
        &self,
        link: &Link,
        act: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        self.locked(|state| state.client(link).map(|client| act(&mut client.session)))
    }

    /// The next packet for a client, if there is one.
    pub(crate) fn next(&self, link: &Link) -> Option<Option<Next>> {
        self.locked(|state| state.next(link))
    }

    pub(crate) fn subscribe(
        &self,
        link: &Link,
        subscription: Subscription<'_>,
        id: Option<SubscriptionId>,
    ) -> Option<ReasonCode> {
        self.locked(|state| state.subscribe(link, subscription, id))
    }

    /// Ends a subscription. Returns whether there was one.
    pub(crate) fn unsubscribe(&self, link: &Link, filter: TopicFilter<'_>) -> Option<bool> {
        self.locked(|state| {
            let session = &mut state.client(link)?.session;
            session.stop_replay(filter);
            let existed = session.filters.remove(filter.as_str());
            state.router.unsubscribe(filter, link.session);
            Some(existed)
        })
    }
}

impl State {
    /// The client of a connection, unless another one has taken over.
    fn client(&mut self, link: &Link) -> Option<&mut Client> {
        let client = self.sessions.get_mut(&link.session)?;
        (client.connection == link.connection).then_some(client)
    }

    /// Whether this is still the client's last connection.
    fn is_away(&mut self, link: &Link) -> bool {
        let client = self.client(link);
        client.is_some_and(|client| matches!(client.presence, Presence::Away(_)))
    }

    fn connect(&mut self, connect: &Connect<'_>) -> Result<(Link, bool), ReasonCode> {
        let client_id: Arc<str> = match connect.client_id.as_str() {
            "" => {
                let id = ids::assign(|id| self.clients.contains_key(id));
                id.map_err(|_| ReasonCode::ServerUnavailable)?.into()
            }
            client_id => client_id.into(),
        };
        self.end_previous(&client_id, connect.clean_start);

        let previous = self.clients.get(&*client_id).copied();
        let session = match previous {
            Some(session) => session,
            None => self.begin_session(&client_id)?,
        };
        self.last_connection += 1;
        let link = Link {
            client_id,
            session,
            connection: self.last_connection,
            wake: Arc::new(Notify::new()),
        };
        if let Some(client) = self.sessions.get_mut(&session) {
            client.session.resume(connect.receive_maximum().get());
            client.expiry_interval = connect.session_expiry_interval();
            client.will = KeptWill::new(connect, &link.client_id);
            client.connection = link.connection;
            client.presence = Presence::Connected(link.wake.clone());
        }
        Ok((link, previous.is_some()))
    }

    /// Ends the rest of the client's last connection, and the Session if it ends with the connection.
    fn end_previous(&mut self, client_id: &str, clean_start: bool) {
        let Some(&id) = self.clients.get(client_id) else {
            return;
        };
        let Some(client) = self.sessions.get_mut(&id) else {
            return;
        };
        let mut session_ends = clean_start;
        match mem::replace(&mut client.presence, Presence::Away(None)) {
            Presence::Connected(wake) => {
                wake.notify_one();
                session_ends |= client.expiry_interval == 0;
            }
            Presence::Away(timer) => timer.iter().for_each(AbortHandle::abort),
        }
        if let Some(will) = client.will.take() {
            if will.terms.fate(Ending::TakenOver { clean_start }) == WillFate::Publish {
                self.publish_will(will.message);
            }
        }
        if session_ends {
            self.end_session(id);
        }
    }

    fn begin_session(&mut self, client_id: &Arc<str>) -> Result<SessionId, ReasonCode> {
        if self.sessions.len() >= self.settings.max_sessions {
            let id = Quoted(client_id);
            self.log
                .push(format!("{id} is refused: there are too many Sessions"));
            return Err(ReasonCode::QuotaExceeded);
        }
        self.last_session.0 += 1;
        let id = self.last_session;
        let client = Client {
            session: Session::new(client_id.clone(), self.settings.max_queued_bytes),
            expiry_interval: 0,
            will: None,
            connection: 0,
            presence: Presence::Away(None),
        };
        self.clients.insert(client_id.clone(), id);
        self.sessions.insert(id, client);
        Ok(id)
    }

    fn end_session(&mut self, id: SessionId) {
        let Some(Client { session, .. }) = self.sessions.remove(&id) else {
            return;
        };
        self.clients.remove(&*session.client_id);
        for filter in &session.filters {
            let filter = TopicFilter::new(filter).expect("it was made from a filter");
            self.router.unsubscribe(filter, id);
        }
    }

    /// Ends a connection. Returns the Will Delay and the Session Expiry Interval if the Session goes
    /// on.
    fn disconnect(&mut self, link: &Link, ending: Ending) -> Option<(Option<Duration>, u32)> {
        let client = self.client(link)?;
        if let Ending::Disconnect {
            session_expiry_interval: Some(seconds),
            ..
        } = ending
        {
            client.expiry_interval = seconds;
        }
        let expiry_interval = client.expiry_interval;
        client.presence = Presence::Away(None);
        let will = client.will.as_ref();
        let fate = will.map_or(WillFate::Discard, |will| will.terms.fate(ending));
        let will_delay = match fate {
            WillFate::PublishAfter { delay, terms } => {
                client.will.iter_mut().for_each(|will| will.terms = terms);
                Some(delay)
            }
            WillFate::Publish => {
                self.publish_waiting_will(link);
                None
            }
            WillFate::Discard => {
                client.will = None;
                None
            }
        };
        if expiry_interval == 0 {
            self.end_session(link.session);
            return None;
        }
        Some((will_delay, expiry_interval))
    }

    fn publish_waiting_will(&mut self, link: &Link) {
        if !self.is_away(link) {
            return;
        }
        let will = self.client(link).and_then(|client| client.will.take());
        if let Some(will) = will {
            self.publish_will(will.message);
        }
    }

    fn publish_will(&mut self, mut message: Message) {
        self.log.push(format!(
            "the Will of {} is published on {}",
            Quoted(&message.publisher),
            Quoted(message.topic_text())
        ));
        message.published = std::time::Instant::now();
        let _ = self.retain(&message); // nobody can learn about it
        self.route(message);
    }

    /// Retains a message, if it is to be retained.
    fn retain(&mut self, message: &Message) -> Result<(), Full> {
        if !message.retain {
            return Ok(());
        }
        let retained = self.retained.retain(message);
        if retained.is_err() {
            self.log.push(format!(
                "a message of {} on {} is not retained: there are too many",
                Quoted(&message.publisher),
                Quoted(message.topic_text())
            ));
        }
        retained
    }

    fn route(&mut self, message: Message) -> bool {
        let fanout = Arc::new(Fanout::new(message));
        let Self {
            router,
            sessions,
            log,
            ..
        } = self;
        let matching = router.matching(fanout.message.topic());
        let mut matched = false;
        for group in &matching.groups {
            let is_ready = |id| sessions.get(&id).is_some_and(Client::is_ready);
            let Some((id, subscribed)) = group.choose(is_ready) else {
                continue;
            };
            if let Some(client) = sessions.get_mut(&id) {
                matched = true;
                client.push(Queued::merge(&fanout, [subscribed]), log);
            }
        }
        let by_session = matching.subscribers.chunk_by(|one, next| one.0 == next.0);
        for subscriptions in by_session {
            let id = subscriptions.first().map(|(id, _)| id);
            let Some(client) = id.and_then(|id| sessions.get_mut(id)) else {
                continue;
            };
            let is_own = client.session.client_id == fanout.message.publisher;
            let subscriptions = subscriptions.iter().map(|(_, subscribed)| *subscribed);
            let wanted = subscriptions.filter(|it| !(is_own && it.options.no_local));
            let mut wanted = wanted.peekable();
            if wanted.peek().is_some() {
                matched = true;
                client.push(Queued::merge(&fanout, wanted), log);
            }
        }
        matched
    }

    fn subscribe(
        &mut self,
        link: &Link,
        subscription: Subscription<'_>,
        id: Option<SubscriptionId>,
    ) -> Option<ReasonCode> {
        let Settings {
            max_subscriptions,
            max_filter_levels,
            ..
        } = self.settings;
        let session = &mut self.client(link)?.session;
        let Subscription { filter, options } = subscription;
        let shared = filter.shared();
        let levels = shared.map_or(filter, |shared| shared.filter).levels();
        let is_new = !session.filters.contains(filter.as_str());
        if levels.count() > max_filter_levels
            || is_new && session.filters.len() >= max_subscriptions
        {
            let (client, filter) = (Quoted(&link.client_id), Quoted(filter.as_str()));
            let line = format!("a subscription of {client} to {filter} is refused: quota exceeded");
            self.log.push(line);
            return Some(ReasonCode::QuotaExceeded);
        }
        let subscribed = Subscribed { options, id };
        session.filters.insert(filter.as_str().into());
        let wants_retained = match options.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::AtNewSubscribe => is_new,
            RetainHandling::Never => false,
        };
        // 5.0, section 4.8.2: a shared subscription gets no retained messages
        if wants_retained && shared.is_none() {
            session.replay(filter, subscribed);
        }
        self.router.subscribe(filter, link.session, subscribed);
        Some(options.qos.into())
    }

    fn next(&mut self, link: &Link) -> Option<Option<Next>> {
        let client = self.sessions.get_mut(&link.session)?;
        if client.connection != link.connection {
            return None;
        }
        let next = client.session.next(&self.retained);
        if next.is_none() {
            if let Some(dropped) = client.session.take_dropped() {
                let id = Quoted(&link.client_id);
                self.log
                    .push(format!("{dropped} messages for {id} were dropped"));
            }
        }
        Some(next)
    }
}

impl Client {
    /// Whether it is connected and its queue has room.
    fn is_ready(&self) -> bool {
        matches!(self.presence, Presence::Connected(_)) && self.session.has_room()
    }

    /// Queues a message. For a client that is not connected, only if its QoS is not 0.
    fn push(&mut self, queued: Queued, log: &mut Vec<String>) {
        match &self.presence {
            Presence::Connected(wake) => wake.notify_one(),
            Presence::Away(_) if queued.qos == QoS::AtMostOnce => return,
            Presence::Away(_) => {}
        }
        let dropped = self.session.dropped;
        self.session.push(queued);
        if dropped == 0 && self.session.dropped > 0 {
            let id = Quoted(&self.session.client_id);
            log.push(format!("too much waits for {id}: messages are dropped"));
        }
    }
}

impl KeptWill {
    fn new(connect: &Connect<'_>, client_id: &Arc<str>) -> Option<Self> {
        let terms = WillTerms::new(connect, &ConnAck::new(ReasonCode::Success))?;
        let will = connect.will?;
        let publish = will.to_publish(Delivery::AtMostOnce);
        let topic = will.topic.as_str().into();
        // every Will can be published: it is shorter than the longest packet
        let message = Message::new(topic, &publish, will.qos, client_id.clone()).ok()?;
        Some(Self { message, terms })
    }
}

impl Queued {
    /// The copy for a client. It has the highest QoS of its subscriptions that match, and the
    /// identifiers of all.
    fn merge<'s>(
        fanout: &Arc<Fanout>,
        subscriptions: impl IntoIterator<Item = &'s Subscribed>,
    ) -> Self {
        let Message { qos, retain, .. } = fanout.message;
        let mut copy = Self {
            fanout: fanout.clone(),
            qos: QoS::AtMostOnce,
            retain: false,
            subscription_ids: Vec::new(),
        };
        for Subscribed { options, id } in subscriptions {
            copy.qos = copy.qos.max(options.qos.min(qos));
            copy.retain |= retain && options.retain_as_published;
            copy.subscription_ids.extend(id);
        }
        copy
    }
}
